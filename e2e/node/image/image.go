// Package image makes container images of a few files, without a container engine, and pushes them to a registry.
//
//	program := image.Image{Files: []image.File{{Path: "/app", From: "bin/guest"}}, Entrypoint: []string{"/app"}}
//	err := program.Push(ctx, image.Target{Registry: "127.0.0.1:5000", Repository: "acme/app", Tag: "1"})
package image

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path"
	"runtime"
	"strings"
)

// The media types of the OCI image format.
const (
	manifestType = "application/vnd.oci.image.manifest.v1+json"
	configType   = "application/vnd.oci.image.config.v1+json"
	layerType    = "application/vnd.oci.image.layer.v1.tar+gzip"
)

// Image is an image of one layer.
type Image struct {
	Files      []File
	Entrypoint []string
	Env        []string
}

// File is an executable file in an image.
type File struct {
	// Path is where it is in the image, From where it is on this machine.
	Path, From string
}

// blob is a part of an image, named by its digest.
type blob struct {
	mediaType string
	content   []byte
}

func (b blob) digest() string { return digest(b.content) }

// descriptor is how one part of an image refers to another.
type descriptor struct {
	MediaType string `json:"mediaType"`
	Digest    string `json:"digest"`
	Size      int    `json:"size"`
}

func (b blob) descriptor() descriptor {
	return descriptor{MediaType: b.mediaType, Digest: b.digest(), Size: len(b.content)}
}

func digest(content []byte) string {
	sum := sha256.Sum256(content)
	return "sha256:" + hex.EncodeToString(sum[:])
}

// build returns the manifest and the parts that it refers to. The same files give the same digests.
func (i Image) build() (manifest blob, parts []blob, err error) {
	plain, err := i.layer()
	if err != nil {
		return blob{}, nil, err
	}
	var compressed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&compressed, gzip.BestSpeed)
	if err != nil {
		return blob{}, nil, err
	}
	if _, err := writer.Write(plain); err != nil {
		return blob{}, nil, err
	}
	if err := writer.Close(); err != nil {
		return blob{}, nil, err
	}
	layer := blob{mediaType: layerType, content: compressed.Bytes()}

	text, err := json.Marshal(map[string]any{
		"architecture": runtime.GOARCH,
		"os":           "linux",
		"config":       map[string]any{"Entrypoint": i.Entrypoint, "Env": i.Env, "User": "65532:65532"},
		"rootfs":       map[string]any{"type": "layers", "diff_ids": []string{digest(plain)}},
	})
	if err != nil {
		return blob{}, nil, err
	}
	config := blob{mediaType: configType, content: text}

	text, err = json.Marshal(map[string]any{
		"schemaVersion": 2,
		"mediaType":     manifestType,
		"config":        config.descriptor(),
		"layers":        []descriptor{layer.descriptor()},
	})
	if err != nil {
		return blob{}, nil, err
	}
	return blob{mediaType: manifestType, content: text}, []blob{config, layer}, nil
}

// layer is the tar archive of the files.
func (i Image) layer() ([]byte, error) {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	made := map[string]bool{}
	for _, file := range i.Files {
		content, err := os.ReadFile(file.From)
		if err != nil {
			return nil, fmt.Errorf("put %s into an image: %w", file.Path, err)
		}
		name := strings.TrimPrefix(path.Clean(file.Path), "/")
		if err := addFolders(writer, made, path.Dir(name)); err != nil {
			return nil, err
		}
		header := &tar.Header{Typeflag: tar.TypeReg, Name: name, Mode: 0o755, Size: int64(len(content))}
		if err := writer.WriteHeader(header); err != nil {
			return nil, err
		}
		if _, err := writer.Write(content); err != nil {
			return nil, err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	return archive.Bytes(), nil
}

// addFolders adds a folder and those above it, once each.
func addFolders(writer *tar.Writer, made map[string]bool, folder string) error {
	if folder == "." || made[folder] {
		return nil
	}
	if err := addFolders(writer, made, path.Dir(folder)); err != nil {
		return err
	}
	made[folder] = true
	return writer.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: folder + "/", Mode: 0o755})
}
