package doctor

// dockerHubHosts are hosts of Docker Hub that people write into pull Secrets, and that the kubelet does not match with
// its images. The names of these images begin with docker.io.
var dockerHubHosts = map[string]bool{
	"hub.docker.com":          true,
	"www.docker.com":          true,
	"docker.com":              true,
	"registry.hub.docker.com": true,
	"registry-1.docker.io":    true,
	"registry.docker.io":      true,
	"hub.docker.io":           true,
	"auth.docker.io":          true,
}

// isDockerHub reports whether the address is meant for Docker Hub.
func isDockerHub(a address) bool {
	host, _ := a.hostname()
	return host == "docker.io" || host == defaultRegistryKey || dockerHubHosts[host]
}

// fitsDockerHub reports whether the kubelet uses the address for some image of Docker Hub.
func fitsDockerHub(a address) bool {
	if a.path == "/v1" || a.path == "/v2" {
		return false
	}
	return a.key == defaultRegistryKey || matches(a.key, "docker.io"+a.path+"/image")
}
