package guide

import (
	"context"
	"errors"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"github.com/mirrorball-dev/mirrorball/e2e/internal/repo"
	"github.com/mirrorball-dev/mirrorball/e2e/node"
	"github.com/mirrorball-dev/mirrorball/e2e/node/image"
)

// toolsRepository and toolsTag are those of the image in deploy/examples/rotation.yaml, at a host without a password.
const (
	toolsRepository = "tools/aws-kubectl"
	toolsTag        = "1"
)

// manifestImage finds the image in the manifests: a host, a repository and a tag.
var manifestImage = regexp.MustCompile(`(?m)^\s*(?:- )?image: "?[^/\s]+\.[^/\s]+/([^\s:@"]+):([^\s@"]+)"?\s*$`)

// Install is the first step: it pushes the images, and installs Mirrorball with the rules of deploy/.
func (g *Guide) Install(ctx context.Context) error {
	if err := g.pushImages(ctx); err != nil {
		return err
	}
	begin := time.Now()
	_, err := g.sh(ctx,
		"kubectl apply -k "+filepath.Join(g.root, "deploy/kustomize/base"),
		"kubectl apply -f "+filepath.Join(g.root, "deploy/kustomize/components/rules/rules.yaml"),
		"kubectl -n mirrorball-system rollout status deployment/mirrorball --timeout=5m",
	)
	if err != nil {
		return err
	}
	g.screen.Done("two Pods of Mirrorball run, under the restricted Pod Security Standard", time.Since(begin))
	return nil
}

// pushImages pushes what the Pods run: the private image to each registry with a password, the rest to the public one.
func (g *Guide) pushImages(ctx context.Context) error {
	guest, err := repo.Program("guest", "devnode")
	if err != nil {
		return err
	}
	app := image.Image{Files: []image.File{{Path: "/guest", From: guest}}, Entrypoint: []string{"/guest", "app"}}
	for _, name := range []string{node.DockerHub, node.ECR, node.GCR, node.GHCR, node.SelfHosted} {
		registry := g.cluster.Registry(name)
		if err := registry.Push(ctx, app, repository, tag); err != nil {
			return err
		}
		g.screen.Checkf("%s is in a registry that wants a password", registry.Image(repository, tag))
	}
	if err := g.cluster.Registry(node.Public).Push(ctx, app, publicRepository, tag); err != nil {
		return err
	}
	if err := g.pushMirrorball(ctx); err != nil {
		return err
	}
	return g.pushTools(ctx, guest)
}

// pushMirrorball pushes the controller under the name that the manifests have.
func (g *Guide) pushMirrorball(ctx context.Context) error {
	program, err := repo.Program("mirrorball", "build")
	if err != nil {
		return err
	}
	manifests, err := g.sh(ctx, "kubectl kustomize "+filepath.Join(g.root, "deploy/kustomize/base"))
	if err != nil {
		return err
	}
	name := manifestImage.FindStringSubmatch(manifests)
	if name == nil {
		return errors.New("the manifests name no image that is like HOST/REPOSITORY:TAG")
	}
	controller := image.Image{
		Files: []image.File{{Path: "/mirrorball", From: program}}, Entrypoint: []string{"/mirrorball"},
	}
	return g.cluster.Registry(node.Public).Push(ctx, controller, name[1], name[2])
}

// pushTools pushes an image with a shell, kubectl and a program for tokens.
func (g *Guide) pushTools(ctx context.Context, guest string) error {
	kubectl, err := image.Program("/bin/kubectl", filepath.Join(g.root, "bin", "kubectl"))
	if err != nil {
		return err
	}
	files := append(kubectl, image.File{Path: "/bin/aws", From: guest})
	shell, err := filepath.EvalSymlinks("/bin/sh")
	if err != nil {
		return err
	}
	withLibraries, err := image.Program("/bin/sh", shell)
	if err != nil {
		return err
	}
	tools := image.Image{Files: unique(append(files, withLibraries...)), Env: []string{"PATH=/bin", "HOME=/"}}
	return g.cluster.Registry(node.Public).Push(ctx, tools, toolsRepository, toolsTag)
}

// unique drops the files that are there twice: two programs need the same libraries.
func unique(files []image.File) []image.File {
	var kept []image.File
	seen := map[string]bool{}
	for _, file := range files {
		if name := strings.TrimPrefix(file.Path, "/"); !seen[name] {
			seen[name] = true
			kept = append(kept, file)
		}
	}
	return kept
}
