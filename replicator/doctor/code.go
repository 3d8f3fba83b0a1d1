package doctor

import (
	"maps"
	"slices"
)

// Code identifies a kind of finding. Codes are stable: docs/doctor.md has a section for each.
type Code string

// The content of image pull Secrets.
const (
	Unreadable    Code = "MB101"
	NoEntries     Code = "MB102"
	WrongType     Code = "MB103"
	BadAddress    Code = "MB104"
	NotDockerHub  Code = "MB105"
	BadScheme     Code = "MB106"
	BadPath       Code = "MB107"
	Typo          Code = "MB108"
	DefaultPort   Code = "MB109"
	BadPattern    Code = "MB110"
	BadAuth       Code = "MB111"
	AuthDisagrees Code = "MB112"
	NoCredentials Code = "MB113"
	Helper        Code = "MB114"
	Expired       Code = "MB115"
	ExpiresSoon   Code = "MB116"
	BadKeyFile    Code = "MB117"
	Whitespace    Code = "MB118"
	WrongUser     Code = "MB119"
	Duplicate     Code = "MB120"
)

// Certificates.
const (
	BadCertificate         Code = "MB201"
	KeyMismatch            Code = "MB202"
	CertificateExpired     Code = "MB203"
	CertificateNotYetValid Code = "MB204"
	CertificateExpiresSoon Code = "MB205"
	CertificateNoNames     Code = "MB206"
	HostNotCovered         Code = "MB207"
	BadChain               Code = "MB208"
)

// References to pull Secrets.
const (
	AccountNamesMissing Code = "MB301"
	PodNamesMissing     Code = "MB302"
	AccountHidden       Code = "MB303"
	PodOlder            Code = "MB304"
	NotAttached         Code = "MB305"
	OtherNamespace      Code = "MB306"
)

// Pods that cannot pull.
const (
	NotNamed        Code = "MB401"
	NoMatch         Code = "MB402"
	SecretBreaksPod Code = "MB403"
	Rejected        Code = "MB404"
	OtherCause      Code = "MB405"
)

// The answers of registries.
const (
	ProbeRejected Code = "MB501"
	ProbeNoHost   Code = "MB502"
)

// Severity says how bad a finding is.
type Severity string

// The severities.
const (
	// Error means that what the object is for does not work.
	Error Severity = "error"
	// Warning means that it will stop to work, or works differently from what its author seems to expect.
	Warning Severity = "warning"
)

// About is what is known of a code.
type About struct {
	Severity Severity
	// Title is a sentence that says what is wrong.
	Title string
	// Remedy is a sentence that says what to do.
	Remedy string
}

// About describes the code.
func (c Code) About() About { return abouts[c] }

// Codes returns all codes in order.
func Codes() []Code { return slices.Sorted(maps.Keys(abouts)) }

var abouts = map[Code]About{
	Unreadable: {Error, "The kubelet cannot read the content of the pull Secret.",
		"Create the Secret again with 'kubectl create secret docker-registry'."},
	NoEntries: {Error, "The pull Secret has no registry in it.",
		"Put the registries below the key auths, or create the Secret again with 'kubectl create secret docker-registry'."},
	WrongType: {Error, "A Secret that is no pull Secret is used as one. The kubelet ignores it.",
		"Delete the Secret and create it again with the type kubernetes.io/dockerconfigjson."},
	BadAddress: {Error, "The kubelet cannot read the address of a registry.",
		"Write the address as the images do: host, port if there is one, and a path if needed."},
	NotDockerHub: {Error, "The address does not match images of Docker Hub.",
		"Write https://index.docker.io/v1/ for Docker Hub."},
	BadScheme: {Error, "The address of a registry begins with a scheme that the kubelet does not know.",
		"Remove the scheme, or write https://."},
	BadPath: {Error, "The address of a registry has a path that no image of it begins with.",
		"Remove the path, or write the path with which the images begin, without tag and digest."},
	Typo: {Warning, "The address of a registry looks like a misspelt one.",
		"Compare the address with the names of the images, and correct it."},
	DefaultPort: {Warning, "The address of a registry has a port that the names of images usually do not have.",
		"Remove the port, or write it in the names of the images too."},
	BadPattern: {Error, "The host in the address of a registry cannot match.",
		"Write the host in lower case. In a pattern, * stands for one label of the host, never for dots, ports or paths."},
	BadAuth: {Error, "The field auth cannot be decoded. The kubelet rejects the whole Secret.",
		"Write base64(username:password) into auth, without line breaks, or remove auth and write username and password."},
	AuthDisagrees: {Warning, "The field auth differs from username and password. The kubelet uses auth.",
		"Remove username and password, or correct auth."},
	NoCredentials: {Error, "An entry has no user name or no password.",
		"Log in again and create the Secret from the result, or use a token of the registry as the password."},
	Helper: {Error, "The credentials are in a credential helper or store, which no node can run for a pull Secret.",
		"Create the Secret with 'kubectl create secret docker-registry', which puts the credentials themselves into it."},
	Expired: {Error, "A credential has expired.",
		"Renew it in the source. Let a job or an operator renew short-lived credentials."},
	ExpiresSoon: {Warning, "A credential expires soon.",
		"Make sure that something renews it in the source."},
	BadKeyFile: {Error, "The password has to be the JSON key of a Google service account, and is not.",
		"Use the whole JSON key file as the password, and the user name _json_key, or _json_key_base64 if it is in base64."},
	Whitespace: {Warning, "A user name or password begins or ends with white space.",
		"Create the Secret again without it; 'echo' adds a line break, 'printf %s' does not."},
	WrongUser: {Warning, "The registry expects another user name.",
		"Use the user name that the documentation of the registry gives for this kind of credential."},
	Duplicate: {Warning, "Two entries of a Secret are the same address for the kubelet, which uses them in random order.",
		"Keep one of them."},

	BadCertificate: {Error, "The certificate or the key cannot be read.",
		"Put PEM into tls.crt and tls.key: 'kubectl create secret tls' checks it."},
	KeyMismatch: {Error, "The key does not belong to the certificate.",
		"Put the key with which the certificate was requested into the Secret, or request a new certificate."},
	CertificateExpired: {Error, "The certificate has expired.",
		"Renew it in the source."},
	CertificateNotYetValid: {Error, "The certificate is not valid yet.",
		"Wait, or correct the clock of the machine that issued it."},
	CertificateExpiresSoon: {Warning, "The certificate expires soon.",
		"Renew it, or find out why it is not renewed automatically."},
	CertificateNoNames: {Warning, "The certificate has no DNS name or IP address. Clients ignore its common name.",
		"Request a certificate with subject alternative names."},
	HostNotCovered: {Error, "The certificate does not cover a host of an Ingress that uses it.",
		"Request a certificate with this host, or correct the Ingress."},
	BadChain: {Warning, "The certificates of the Secret are not a chain in the right order.",
		"Write the certificate of the host first, then each certificate that issued the one before."},

	AccountNamesMissing: {Error, "A ServiceAccount names a pull Secret that does not exist.",
		"Create the Secret, mirror it into the namespace, or remove it from the ServiceAccount."},
	PodNamesMissing: {Error, "A Pod names a pull Secret that does not exist.",
		"Create the Secret, mirror it into the namespace, or remove it from the Pod's template."},
	AccountHidden: {Warning, "The Pod has imagePullSecrets of its own, so those of its ServiceAccount do not count.",
		"Remove imagePullSecrets from the Pod's template, or add the Secrets of the ServiceAccount there."},
	PodOlder: {Warning, "Pods were created before their ServiceAccount got its pull Secret, and will never use it.",
		"Delete the Pods, so that they are created again: 'kubectl rollout restart'."},
	NotAttached: {Warning, "The source asks to be attached to a ServiceAccount that does not name the replica.",
		"See the events of the source; the rules or the namespace must allow it. 'mirrorball explain' says which."},
	OtherNamespace: {Error, "The pull Secret exists, but in another namespace. A Pod uses only Secrets of its own.",
		"Mirror it: annotate the Secret with mirrorball.dev/push-to: NAMESPACE."},

	NotNamed: {Error, "A Secret of the namespace has credentials for the image, but the Pod does not name it.",
		"Add the Secret to imagePullSecrets of the ServiceAccount (mirrorball.dev/attach-to-service-accounts on its source " +
			"does it), then create the Pod again."},
	NoMatch: {Error, "No credential of the Pod fits the registry of its image.",
		"Add a pull Secret for this registry, or correct the address in the Secret or in the image."},
	SecretBreaksPod: {Error, "A pull Secret that the kubelet cannot read makes all pulls of the Pod fail.",
		"Correct that Secret, or remove it from imagePullSecrets."},
	Rejected: {Error, "The registry rejects all credentials of the Pod that fit the image.",
		"Check with 'mirrorball doctor --probe' which ones are still valid, and that their user may read the repository."},
	OtherCause: {Error, "The image cannot be pulled for a reason other than credentials.",
		"Correct what the message names."},

	ProbeRejected: {Error, "The registry rejects the credentials.",
		"Renew the user name and password in the source."},
	ProbeNoHost: {Error, "The host of the registry does not exist.",
		"Correct the address, or make its name known to the DNS of the nodes."},
}
