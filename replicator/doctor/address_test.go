package doctor

import "testing"

func TestMatches(t *testing.T) {
	tests := map[string]struct {
		address, image string
		want           bool
	}{
		"the same host":                           {"registry.example.com", "registry.example.com/app", true},
		"a scheme does not count":                 {"http://registry.example.com", "registry.example.com/app", true},
		"the API's path does not count":           {"https://registry.example.com/v2/", "registry.example.com/app", true},
		"without its last slash it counts":        {"https://registry.example.com/v2", "registry.example.com/app", false},
		"a path is a prefix":                      {"registry.example.com/team", "registry.example.com/team/app", true},
		"a path is a prefix of letters":           {"registry.example.com/te", "registry.example.com/team/app", true},
		"another path":                            {"registry.example.com/other", "registry.example.com/team/app", false},
		"a tag is no path":                        {"registry.example.com/app:1", "registry.example.com/app:1", false},
		"the same port":                           {"registry.example.com:5000", "registry.example.com:5000/app", true},
		"a port that the image does not have":     {"registry.example.com:443", "registry.example.com/app", false},
		"a port that only the image has":          {"registry.example.com", "registry.example.com:5000/app", false},
		"a star for a label":                      {"*.example.com", "registry.example.com/app", true},
		"a star in a label":                       {"reg*.example.com", "registry.example.com/app", true},
		"a star for two labels":                   {"*.example.com", "a.b.example.com/app", false},
		"a star in a port":                        {"registry.example.com:*", "registry.example.com:5000/app", false},
		"a star in a path":                        {"registry.example.com/*", "registry.example.com/team/app", false},
		"upper case":                              {"Registry.example.com", "registry.example.com/app", false},
		"user information does not count":         {"https://user@registry.example.com", "registry.example.com/app", true},
		"Docker Hub by its address":               {"https://index.docker.io/v1/", "nginx", true},
		"Docker Hub by its address without slash": {"https://index.docker.io/v1", "nginx", false},
		"Docker Hub by the name of its images":    {"docker.io", "nginx", true},
		"Docker Hub by the host of its API":       {"https://registry-1.docker.io", "nginx", false},
		"Docker Hub by its site":                  {"hub.docker.com", "team/app", false},
		"an organization of Docker Hub":           {"docker.io/team", "team/app", true},
		"an organization under the old address":   {"https://index.docker.io/team", "team/app", false},
		"another scheme":                          {"oci://registry.example.com", "registry.example.com/app", false},
		"white space":                             {" registry.example.com", "registry.example.com/app", false},
		"an address of IPv6":                      {"[::1]:5000", "[::1]:5000/app", true},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			image, err := ParseImage(tc.image)
			if err != nil {
				t.Fatal(err)
			}
			a, err := parseAddress(tc.address)
			keyring := &Keyring{}
			keyring.Add("regcred", &Config{entries: []entry{{address: a, unreadable: err != nil}}})
			if got := len(keyring.Lookup(image.Repository)) > 0; got != tc.want {
				t.Errorf("%q fits %q: %v, want %v", tc.address, tc.image, got, tc.want)
			}
		})
	}
}

func TestAddressIsNotPrinted(t *testing.T) {
	for _, raw := range []string{
		"https://user:hunter2@registry.example.com/team?token=hunter2#hunter2", "hunter2", "hunter2:hunter2 registry",
		"hunter2://registry.example.com", "https://hunter2%zz", "\x1b[2Jhunter2",
	} {
		a, _ := parseAddress(raw)
		if got := a.String(); got != "registry.example.com/team" && got != "(an address that is not printed)" {
			t.Errorf("%q is printed as %q", raw, got)
		}
	}
}
