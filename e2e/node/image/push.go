package image

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// Target is where an image is pushed to.
type Target struct {
	// Registry is the address of a registry that speaks plain HTTP.
	Registry        string
	Repository, Tag string
	// Username and Password are empty for a registry without accounts.
	Username, Password string
}

// Push builds the image and pushes it.
func (i Image) Push(ctx context.Context, target Target) error {
	manifest, parts, err := i.build()
	if err != nil {
		return err
	}
	for _, part := range parts {
		if err := target.upload(ctx, part); err != nil {
			return fmt.Errorf("push %s: %w", target.name(), err)
		}
	}
	place := target.url("manifests/" + target.Tag)
	if _, err := target.do(ctx, http.MethodPut, place, &manifest); err != nil {
		return fmt.Errorf("push %s: %w", target.name(), err)
	}
	return nil
}

func (t Target) name() string { return t.Registry + "/" + t.Repository + ":" + t.Tag }

func (t Target) url(rest string) *url.URL {
	return &url.URL{Scheme: "http", Host: t.Registry, Path: "/v2/" + t.Repository + "/" + rest}
}

// upload uploads a part, unless the registry has it.
func (t Target) upload(ctx context.Context, part blob) error {
	if _, err := t.do(ctx, http.MethodHead, t.url("blobs/"+part.digest()), nil); err == nil {
		return nil
	}
	begun, err := t.do(ctx, http.MethodPost, t.url("blobs/uploads/"), nil)
	if err != nil {
		return err
	}
	place, err := t.url("").Parse(begun.Get("Location"))
	if err != nil {
		return err
	}
	query := place.Query()
	query.Set("digest", part.digest())
	place.RawQuery = query.Encode()
	// The content is only bytes here: the registry checks the digest.
	_, err = t.do(ctx, http.MethodPut, place, &blob{mediaType: "application/octet-stream", content: part.content})
	return err
}

// do sends a request, and returns the header of a successful answer.
func (t Target) do(ctx context.Context, method string, place *url.URL, body *blob) (http.Header, error) {
	var content io.Reader = http.NoBody
	if body != nil {
		content = bytes.NewReader(body.content)
	}
	request, err := http.NewRequestWithContext(ctx, method, place.String(), content)
	if err != nil {
		return nil, err
	}
	if body != nil {
		request.Header.Set("Content-Type", body.mediaType)
	}
	if t.Username != "" {
		request.SetBasicAuth(t.Username, t.Password)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	if response.StatusCode >= http.StatusBadRequest {
		text, _ := io.ReadAll(io.LimitReader(response.Body, 1<<10))
		return nil, fmt.Errorf("%s %s: %s %s", method, place.Path, response.Status, strings.TrimSpace(string(text)))
	}
	return response.Header, nil
}
