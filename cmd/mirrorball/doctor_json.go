package main

import "github.com/mirrorball-dev/mirrorball/replicator/doctor"

// doctorVersion is the version of the format of -o json and -o yaml. Fields are added without a new version.
const doctorVersion = "doctor.mirrorball.dev/v1"

// doctorDocument is the report as -o json and -o yaml print it. docs/doctor.md describes it.
type doctorDocument struct {
	APIVersion string          `json:"apiVersion"`
	Kind       string          `json:"kind"`
	Examined   doctorCounts    `json:"examined"`
	Findings   []doctorFinding `json:"findings"`
	Missing    []string        `json:"missing"`
	Pod        *doctorPod      `json:"pod,omitempty"`
}

type doctorFinding struct {
	Code      doctor.Code     `json:"code"`
	Severity  doctor.Severity `json:"severity"`
	Kind      string          `json:"kind"`
	Namespace string          `json:"namespace"`
	Name      string          `json:"name"`
	Message   string          `json:"message"`
	Title     string          `json:"title"`
	Remedy    string          `json:"remedy"`
}

type doctorPod struct {
	Namespace        string        `json:"namespace"`
	Name             string        `json:"name"`
	ServiceAccount   string        `json:"serviceAccount"`
	ImagePullSecrets []string      `json:"imagePullSecrets"`
	Images           []doctorImage `json:"images"`
}

type doctorImage struct {
	Container string          `json:"container"`
	Image     string          `json:"image"`
	Registry  string          `json:"registry"`
	Reason    string          `json:"reason,omitempty"`
	Tried     []doctorAttempt `json:"tried"`
	NotTried  []doctorAttempt `json:"notTried"`
}

type doctorAttempt struct {
	Secret  string `json:"secret"`
	Address string `json:"address,omitempty"`
	Note    string `json:"note,omitempty"`
}

func (r *doctorReport) document() doctorDocument {
	d := doctorDocument{
		APIVersion: doctorVersion, Kind: "Diagnosis", Examined: r.examined,
		Findings: []doctorFinding{}, Missing: append([]string{}, r.missing...),
	}
	for _, f := range r.findings {
		about := f.Code.About()
		d.Findings = append(d.Findings, doctorFinding{
			Code: f.Code, Severity: about.Severity, Kind: f.Object.Kind, Namespace: f.Object.Namespace, Name: f.Object.Name,
			Message: f.Message, Title: about.Title, Remedy: about.Remedy,
		})
	}
	if r.pod != nil {
		d.Pod = podDocument(r.pod)
	}
	return d
}

func podDocument(d *doctor.Diagnosis) *doctorPod {
	p := &doctorPod{
		Namespace: d.Pod.Namespace, Name: d.Pod.Name, ServiceAccount: d.Account,
		ImagePullSecrets: append([]string{}, d.Secrets...), Images: []doctorImage{},
	}
	for _, i := range d.Images {
		p.Images = append(p.Images, doctorImage{
			Container: i.Container, Image: i.Image, Registry: i.Registry, Reason: i.Reason,
			Tried: attemptDocuments(i.Tried), NotTried: attemptDocuments(i.NotTried),
		})
	}
	return p
}

func attemptDocuments(attempts []doctor.Attempt) []doctorAttempt {
	documents := []doctorAttempt{}
	for _, a := range attempts {
		documents = append(documents, doctorAttempt{Secret: a.Secret, Address: a.Address, Note: a.Note})
	}
	return documents
}
