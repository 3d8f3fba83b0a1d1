// Command guest is the program in the images that the node runs. It is static, and its name or first argument says what
// it is to be:
//
//	guest pause                     holds the namespaces of a Pod
//	guest app                       says that it runs, and waits for SIGTERM
//	aws ecr get-login-password      asks $AWS_ENDPOINT_URL for a registry token, as Amazon's program does, and prints it
package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", filepath.Base(os.Args[0]), err)
		os.Exit(1)
	}
}

func run() error {
	words := os.Args[1:]
	if filepath.Base(os.Args[0]) == "aws" {
		if strings.Join(words, " ") != "ecr get-login-password" {
			return fmt.Errorf("expected the arguments `ecr get-login-password`, got %q", words)
		}
		return loginPassword()
	}
	switch strings.Join(words, " ") {
	case "pause":
		waitForEnd()
	case "app":
		if _, err := fmt.Fprintln(os.Stdout, "the private image runs"); err != nil {
			return err
		}
		waitForEnd()
	default:
		return fmt.Errorf("expected the argument `pause` or `app`, got %q", words)
	}
	return nil
}

// waitForEnd waits for SIGTERM, and reaps the processes that a container's first process inherits.
func waitForEnd() {
	signals := make(chan os.Signal, 16)
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGCHLD)
	for received := range signals {
		if received != syscall.SIGCHLD {
			return
		}
		for {
			if pid, err := syscall.Wait4(-1, nil, syscall.WNOHANG, nil); pid <= 0 || err != nil {
				break
			}
		}
	}
}

// loginPassword prints a registry token for the access key in the environment.
func loginPassword() error {
	endpoint := os.Getenv("AWS_ENDPOINT_URL")
	if endpoint == "" {
		return errors.New("AWS_ENDPOINT_URL is empty: set it to the address that issues tokens")
	}
	request, err := http.NewRequest(http.MethodPost, endpoint, http.NoBody)
	if err != nil {
		return err
	}
	request.SetBasicAuth(os.Getenv("AWS_ACCESS_KEY_ID"), os.Getenv("AWS_SECRET_ACCESS_KEY"))
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	token, err := io.ReadAll(response.Body)
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s: check the access key", endpoint, response.Status)
	}
	_, err = os.Stdout.Write(token)
	return err
}
