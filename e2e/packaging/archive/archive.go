// Package archive writes archives that depend on their files and one time alone, so that two of them are equal.
package archive

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"time"
)

// File is an entry of an archive. A name that ends in a slash is a folder.
type File struct {
	Name    string
	Mode    int64
	Content []byte
}

func (f File) folder() bool { return f.Name[len(f.Name)-1] == '/' }

// Tar returns the files as a tar archive. Every file has the modification time.
func Tar(modified time.Time, files ...File) ([]byte, error) {
	var out bytes.Buffer
	writer := tar.NewWriter(&out)
	for _, f := range files {
		header := &tar.Header{
			Name: f.Name, Mode: f.Mode, Size: int64(len(f.Content)), Typeflag: tar.TypeReg,
			ModTime: modified, Format: tar.FormatPAX,
		}
		if f.folder() {
			header.Typeflag = tar.TypeDir
		}
		if err := writer.WriteHeader(header); err != nil {
			return nil, fmt.Errorf("write %s to a tar archive: %w", f.Name, err)
		}
		if _, err := writer.Write(f.Content); err != nil {
			return nil, fmt.Errorf("write %s to a tar archive: %w", f.Name, err)
		}
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("close a tar archive: %w", err)
	}
	return out.Bytes(), nil
}

// TarGzip returns the files as a compressed tar archive.
func TarGzip(modified time.Time, files ...File) ([]byte, error) {
	content, err := Tar(modified, files...)
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	writer, err := gzip.NewWriterLevel(&out, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(writer, bytes.NewReader(content)); err != nil {
		return nil, fmt.Errorf("compress a tar archive: %w", err)
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("compress a tar archive: %w", err)
	}
	return out.Bytes(), nil
}

// Zip returns the files as a zip archive.
func Zip(modified time.Time, files ...File) ([]byte, error) {
	var out bytes.Buffer
	writer := zip.NewWriter(&out)
	for _, f := range files {
		entry, err := writer.CreateHeader(&zip.FileHeader{Name: f.Name, Method: zip.Deflate, Modified: modified})
		if err != nil {
			return nil, fmt.Errorf("write %s to a zip archive: %w", f.Name, err)
		}
		if _, err := entry.Write(f.Content); err != nil {
			return nil, fmt.Errorf("write %s to a zip archive: %w", f.Name, err)
		}
	}
	if err := writer.Close(); err != nil {
		return nil, fmt.Errorf("close a zip archive: %w", err)
	}
	return out.Bytes(), nil
}
