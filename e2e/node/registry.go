package node

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"encoding/json"
	"errors"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/mirrorball-dev/mirrorball/e2e/node/image"
)

// The names of the registries.
const (
	// Public needs no password. It has the images of every host that no other registry has.
	Public     = "public"
	DockerHub  = "docker-hub"
	ECR        = "ecr"
	GCR        = "gcr"
	GHCR       = "ghcr"
	SelfHosted = "self-hosted"
)

const (
	// TokenPath issues the tokens of the registry ECR, at its own address and at the one that Pods reach.
	TokenPath = "/token"
	// TokenAddress is the one that Pods reach.
	TokenAddress = "10.0.0.1:8080"
	// tokenLifetime is that of ECR's tokens. Amazon's live for twelve hours.
	tokenLifetime = 90 * time.Second
	// googleUser is the user name for service account keys.
	googleUser = "_json_key"
)

// Registry is a registry on the node. All but Public want a password, each another one.
type Registry struct {
	Name string
	// Host is the registry's name in the references of images, Server its name in pull secrets.
	Host, Server string
	Port         int
	// Username and Password are the account. For ECR they are the access key with which one gets a token.
	Username, Password string
	// TokenLifetime is how long a token is valid, for a registry whose password is one.
	TokenLifetime time.Duration
	// AlsoPublic says that the host also has public images.
	AlsoPublic bool
}

// newRegistries returns the registries, with passwords that nobody knows yet.
func newRegistries() []*Registry {
	registries := []*Registry{
		{Name: Public},
		{Name: DockerHub, Host: "docker.io", Server: "https://index.docker.io/v1/", Username: "acme"},
		{Name: ECR, Host: "123456789012.dkr.ecr.eu-central-1.amazonaws.com", Username: "AKIAIOSFODNN7EXAMPLE",
			TokenLifetime: tokenLifetime},
		{Name: GCR, Host: "gcr.io", Server: "https://gcr.io", Username: googleUser},
		{Name: GHCR, Host: "ghcr.io", Username: "acme-bot", AlsoPublic: true},
		{Name: SelfHosted, Host: "registry.example.com:5000", Username: "puller"},
	}
	for _, registry := range registries {
		if registry.Server == "" {
			registry.Server = registry.Host
		}
		switch registry.Username {
		case "":
		case googleUser: // the password is the key of a service account, a whole document
			registry.Password = "{\n  \"type\": \"service_account\",\n  \"private_key\": \"" + rand.Text() + "\"\n}"
		default:
			registry.Password = rand.Text()
		}
	}
	return registries
}

// Address is where the registry listens, on the node and on this machine.
func (r *Registry) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(r.Port)) }

// Image is the reference of an image in the registry.
func (r *Registry) Image(repository, tag string) string { return r.Host + "/" + repository + ":" + tag }

// TokenURL issues tokens, for a program on this machine.
func (r *Registry) TokenURL() string { return "http://" + r.Address() + TokenPath }

// Push pushes an image. The owner's account is not the one of the pull secrets, and is always valid.
func (r *Registry) Push(ctx context.Context, content image.Image, repository, tag string) error {
	target := image.Target{Registry: r.Address(), Repository: repository, Tag: tag}
	if r.Username != "" {
		target.Username, target.Password = r.Owner()
	}
	return content.Push(ctx, target)
}

// Owner is the account that may push.
func (r *Registry) Owner() (username, password string) { return "owner", "owner-" + r.Password }

// Accepts asks the registry whether it accepts a user.
func (r *Registry) Accepts(ctx context.Context, username, password string) (bool, error) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+r.Address()+"/v2/", nil)
	if err != nil {
		return false, err
	}
	request.SetBasicAuth(username, password)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return false, err
	}
	response.Body.Close()
	switch response.StatusCode {
	case http.StatusOK:
		return true, nil
	case http.StatusUnauthorized:
		return false, nil
	}
	return false, errors.New(r.Name + " answers " + response.Status)
}

// DockerConfig returns what `docker login` writes for the accounts of registries.
func DockerConfig(registries ...*Registry) (string, error) {
	auths := map[string]any{}
	for _, registry := range registries {
		login := base64.StdEncoding.EncodeToString([]byte(registry.Username + ":" + registry.Password))
		auths[registry.Server] = map[string]string{"auth": login}
	}
	text, err := json.Marshal(map[string]any{"auths": auths})
	return string(text), err
}
