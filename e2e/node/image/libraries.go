package image

import (
	"debug/elf"
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// libraryFolders are where a Linux distribution has its shared libraries.
var libraryFolders = []string{"/lib/*-linux-gnu", "/usr/lib/*-linux-gnu", "/lib64", "/usr/lib64", "/lib", "/usr/lib"}

// Program returns a program of this machine with the shared libraries that it needs.
func Program(path, from string) ([]File, error) {
	files := []File{{Path: path, From: from}}
	seen := map[string]bool{}
	for next := []string{from}; len(next) > 0; next = next[1:] {
		needs, err := needs(next[0])
		if err != nil {
			return nil, fmt.Errorf("find the shared libraries of %s: %w", from, err)
		}
		for _, library := range needs {
			if !seen[library] {
				seen[library] = true
				files = append(files, File{Path: library, From: library})
				next = append(next, library)
			}
		}
	}
	return files, nil
}

// needs returns the paths of the loader and the libraries that a program or library names.
func needs(path string) ([]string, error) {
	file, err := elf.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = file.Close() }()
	var paths []string
	if section := file.Section(".interp"); section != nil {
		loader, err := section.Data()
		if err != nil {
			return nil, err
		}
		paths = append(paths, strings.TrimRight(string(loader), "\x00"))
	}
	names, err := file.ImportedLibraries()
	if err != nil {
		return nil, err
	}
	for _, name := range names {
		library, err := find(name)
		if err != nil {
			return nil, err
		}
		paths = append(paths, library)
	}
	return paths, nil
}

func find(name string) (string, error) {
	for _, folder := range libraryFolders {
		found, err := filepath.Glob(filepath.Join(folder, name))
		if err != nil {
			return "", err
		}
		for _, path := range found {
			if _, err := os.Stat(path); err == nil {
				return path, nil
			}
		}
	}
	return "", fmt.Errorf("the shared library %s is in none of %v", name, libraryFolders)
}
