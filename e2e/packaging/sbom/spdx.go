package sbom

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/uuid"
	spdxjson "github.com/spdx/tools-golang/json"
	"github.com/spdx/tools-golang/spdx/v2/common"
	"github.com/spdx/tools-golang/spdx/v2/v2_3"

	"github.com/mirrorball-dev/mirrorball/e2e/packaging/product"
)

const (
	documentID  common.ElementID = "DOCUMENT"
	noAssertion string           = "NOASSERTION"
)

// SPDX returns the modules of a program as an SPDX 2.3 document in JSON. It depends on the source and the platform
// only.
func SPDX(source product.Source, p product.Platform, modules []Module) ([]byte, error) {
	name := fmt.Sprintf("mirrorball-%s-%s-%s", source.Version, p.OS, p.Arch)
	document := &v2_3.Document{
		SPDXVersion:    v2_3.Version,
		DataLicense:    v2_3.DataLicense,
		SPDXIdentifier: documentID,
		DocumentName:   name,
		// Unique for each commit and platform, and no address that anybody could be asked to serve.
		DocumentNamespace: uuid.NewSHA1(uuid.NameSpaceURL, []byte(product.Module+name+source.Commit)).URN(),
		CreationInfo: &v2_3.CreationInfo{
			Creators: []common.Creator{{CreatorType: "Tool", Creator: "mirrorball-packager"}},
			Created:  source.Time.Format("2006-01-02T15:04:05Z"),
		},
	}
	main := elementID(product.Module)
	document.Relationships = append(document.Relationships, relate(documentID, "DESCRIBES", main))
	for _, m := range modules {
		one, err := m.spdx()
		if err != nil {
			return nil, err
		}
		document.Packages = append(document.Packages, one)
		if one.PackageSPDXIdentifier != main {
			document.Relationships = append(document.Relationships, relate(main, "CONTAINS", one.PackageSPDXIdentifier))
		}
	}
	var text bytes.Buffer
	if err := spdxjson.Write(document, &text, spdxjson.Indent("  ")); err != nil {
		return nil, fmt.Errorf("write the SPDX document: %w", err)
	}
	return text.Bytes(), nil
}

func (m Module) spdx() (*v2_3.Package, error) {
	one := &v2_3.Package{
		PackageName:             m.Path,
		PackageSPDXIdentifier:   elementID(m.Path),
		PackageVersion:          m.Version,
		PackageDownloadLocation: noAssertion,
		PackageLicenseConcluded: noAssertion,
		PackageLicenseDeclared:  strings.Join(m.Licences, " AND "),
		PackageCopyrightText:    noAssertion,
		PackageExternalReferences: []*v2_3.PackageExternalReference{{
			Category: common.CategoryPackageManager,
			RefType:  common.TypePackageManagerPURL,
			Locator:  "pkg:golang/" + m.Path + "@" + m.Version,
		}},
		PrimaryPackagePurpose: "LIBRARY",
	}
	if m.Path == product.Module {
		one.PrimaryPackagePurpose = "APPLICATION"
	}
	if m.Sum == "" {
		return one, nil
	}
	one.PackageDownloadLocation = fmt.Sprintf("https://proxy.golang.org/%s/@v/%s.zip", escape(m.Path), escape(m.Version))
	// The sum of go.sum covers the names and contents of the module's files, not the zip file: it is no package checksum.
	raw, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(m.Sum, "h1:"))
	if err != nil {
		return nil, fmt.Errorf("the checksum of %s is %q: %w", m.Path, m.Sum, err)
	}
	one.PackageComment = fmt.Sprintf("go.sum %s (SHA-256 %x of the list of the module's files)", m.Sum, raw)
	return one, nil
}

// escape is the Go module proxy's: an upper-case letter becomes an exclamation mark and the lower-case letter.
func escape(path string) string {
	return regexp.MustCompile(`[A-Z]`).ReplaceAllStringFunc(path, func(letter string) string {
		return "!" + strings.ToLower(letter)
	})
}

// elementID returns the SPDX identifier of a module: letters, digits, dots and hyphens.
func elementID(path string) common.ElementID {
	return common.ElementID("Module-" + regexp.MustCompile(`[^A-Za-z0-9.]`).ReplaceAllString(path, "-"))
}

func relate(a common.ElementID, how string, b common.ElementID) *v2_3.Relationship {
	return &v2_3.Relationship{
		RefA: common.DocElementID{ElementRefID: a}, RefB: common.DocElementID{ElementRefID: b}, Relationship: how,
	}
}
