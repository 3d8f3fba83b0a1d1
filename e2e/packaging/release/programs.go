package release

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/mirrorball-dev/mirrorball/e2e/packaging/archive"
	"github.com/mirrorball-dev/mirrorball/e2e/packaging/product"
	"github.com/mirrorball-dev/mirrorball/e2e/packaging/sbom"
)

// ProgramPlatforms are those of the programs in a release.
var ProgramPlatforms = []product.Platform{
	{OS: "linux", Arch: "amd64"}, {OS: "linux", Arch: "arm64"},
	{OS: "darwin", Arch: "amd64"}, {OS: "darwin", Arch: "arm64"},
	{OS: "windows", Arch: "amd64"}, {OS: "windows", Arch: "arm64"},
}

// program is a built program and what it contains.
type program struct {
	platform product.Platform
	file     string
	notices  []byte
	spdx     []byte
}

// packed is the archive of a program.
type packed struct {
	platform product.Platform
	// name is that of the archive, and program that of the program in it.
	name, program string
	content       []byte
}

// programs makes the archives and SBOMs of all programs, and the manifest with which krew installs them.
func (m Maker) programs(ctx context.Context) error {
	var list []packed
	for _, p := range m.Programs {
		one, err := m.program(ctx, p)
		if err != nil {
			return err
		}
		list = append(list, one)
	}
	plugin, err := m.krew(list)
	if err != nil {
		return err
	}
	return m.write("mirrorball.yaml", plugin)
}

// build makes the program of a platform in the folder.
func (m Maker) build(ctx context.Context, p product.Platform, dir string) (program, error) {
	one := program{platform: p, file: filepath.Join(dir, "mirrorball")}
	if p.OS == "windows" {
		one.file += ".exe"
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return one, fmt.Errorf("make the folder of the program for %s: %w", p, err)
	}
	if err := m.Source.Build(ctx, p, one.file); err != nil {
		return one, err
	}
	modules, err := sbom.Read(ctx, m.Source, p, one.file)
	if err != nil {
		return one, err
	}
	one.notices = sbom.Notices(modules)
	one.spdx, err = sbom.SPDX(m.Source, p, modules)
	return one, err
}

// program makes the archive and the SBOM of the program of a platform.
func (m Maker) program(ctx context.Context, p product.Platform) (packed, error) {
	work, err := os.MkdirTemp("", "mirrorball-program-")
	if err != nil {
		return packed{}, fmt.Errorf("make a temporary folder: %w", err)
	}
	defer func() { _ = os.RemoveAll(work) }()
	built, err := m.build(ctx, p, work)
	if err != nil {
		return packed{}, err
	}
	name := fmt.Sprintf("mirrorball-%s-%s-%s", m.Source.Version, p.OS, p.Arch)
	one, err := m.pack(name, built)
	if err != nil {
		return packed{}, err
	}
	return one, errors.Join(m.write(one.name, one.content), m.write(name+".spdx.json", built.spdx))
}

// pack makes the archive of a program, whose name gets the extension of its format.
func (m Maker) pack(name string, built program) (packed, error) {
	one := packed{platform: built.platform, program: filepath.Base(built.file)}
	binary, err := os.ReadFile(built.file)
	if err != nil {
		return one, fmt.Errorf("read the program: %w", err)
	}
	licence, err := os.ReadFile(filepath.Join(m.Source.Dir, "LICENSE"))
	if err != nil {
		return one, fmt.Errorf("read the licence: %w", err)
	}
	format, extension := archive.TarGzip, ".tar.gz"
	if built.platform.OS == "windows" {
		format, extension = archive.Zip, ".zip"
	}
	one.name = name + extension
	one.content, err = format(m.Source.Time,
		archive.File{Name: "LICENSE", Mode: 0o644, Content: licence},
		archive.File{Name: "NOTICES.txt", Mode: 0o644, Content: built.notices},
		archive.File{Name: one.program, Mode: 0o755, Content: binary},
	)
	return one, err
}
