package annotations

// Prefix is the prefix of every annotation and label of Mirrorball's own.
const Prefix = "mirrorball.dev/"

// Annotations that a person writes on a source.
const (
	// PushTo holds namespace patterns: push into the namespaces that match.
	PushTo = Prefix + "push-to"
	// PushToSelector holds a label selector: push into the namespaces whose labels match. With PushTo, either suffices.
	PushToSelector = Prefix + "push-to-selector"
	// PullBy holds namespace patterns: objects in these namespaces may pull.
	PullBy = Prefix + "pull-by"
	// PullBySelector is to PullBy what PushToSelector is to PushTo.
	PullBySelector = Prefix + "pull-by-selector"
	// Exclude holds namespace patterns that no replica may stand in, whatever the other keys say.
	Exclude = Prefix + "exclude"
	// TargetName is the replicas' name, where it is not the source's own.
	TargetName = Prefix + "target-name"
	// Keys selects and renames data keys: "a,b=c" is a as it is and b under the name c.
	Keys = Prefix + "keys"
	// CopyLabels holds key patterns: the labels to carry over.
	CopyLabels = Prefix + "copy-labels"
	// CopyAnnotations holds key patterns: the annotations to carry over.
	CopyAnnotations = Prefix + "copy-annotations"
	// AttachToServiceAccounts holds name patterns of the ServiceAccounts that name the replica in imagePullSecrets.
	AttachToServiceAccounts = Prefix + "attach-to-service-accounts"
	// OnDelete is "remove" or "keep": what becomes of pushed replicas when the source is gone.
	OnDelete = Prefix + "on-delete"
	// SurvivesRecreation is "true" or "false": whether a source made again without annotations keeps its policy.
	SurvivesRecreation = Prefix + "survives-recreation"
	// Paused, on a source or a Namespace, is "true" or "false": whether nothing is created, changed or removed on its
	// account, or in it.
	Paused = Prefix + "paused"
)

// Annotations that a person writes elsewhere.
const (
	// PullFrom, on an object that pulls, names its source: "namespace/name".
	PullFrom = Prefix + "pull-from"
	// AcceptFrom, on a Namespace, holds patterns of the source namespaces whose pushes it accepts.
	AcceptFrom = Prefix + "accept-from"
	// AcceptAttachFrom, on a Namespace, holds patterns of the source namespaces whose replicas may be attached to its
	// ServiceAccounts, beside those that the operator's rules allow.
	AcceptAttachFrom = Prefix + "accept-attach-from"
)

// What Mirrorball writes on replicas. Labels are for selecting, ReplicaOf is the reference that is always whole.
const (
	// LabelReplica is "push" or "pull".
	LabelReplica = Prefix + "replica"
	// LabelSourceNamespace is the source's namespace.
	LabelSourceNamespace = Prefix + "source-namespace"
	// LabelSourceName is the source's name, cut and hashed where it is longer than a label value holds.
	LabelSourceName = Prefix + "source-name"
	// LabelManagedBy is Kubernetes' recommended label; ManagedBy is its value on pushed replicas.
	LabelManagedBy = "app.kubernetes.io/managed-by"
	// ManagedBy is the value of LabelManagedBy on pushed replicas.
	ManagedBy = "mirrorball"
	// ReplicaOf is "namespace/name" of the source.
	ReplicaOf = Prefix + "replica-of"
	// ReplicatedAt is the time of the last change of content, RFC 3339 in UTC.
	ReplicatedAt = Prefix + "replicated-at"
	// CopiedLabels and CopiedAnnotations list, sorted and comma-separated, the keys that a pushed replica has of its
	// source; absent where there are none. What the source drops is found, and taken away, by them.
	CopiedLabels = Prefix + "copied-labels"
	// CopiedAnnotations is to annotations what CopiedLabels is to labels.
	CopiedAnnotations = Prefix + "copied-annotations"
	// ReplicatedKeys lists, sorted and comma-separated, the data keys that an object pulling in
	// kubernetes-replicator's dialect has of its source; the object's other keys are its own.
	ReplicatedKeys = Prefix + "replicated-keys"
	// KeptOnDelete is "keep" on a pushed replica whose source's policy says OnDelete: keep; absent otherwise. Where a
	// source is gone and nothing is remembered of it, such a replica stays. It has no other effect.
	KeptOnDelete = Prefix + "source-on-delete"
	// Attached, on a ServiceAccount, lists what Mirrorball added to imagePullSecrets: "name=namespace/source", sorted
	// and comma-separated.
	Attached = Prefix + "attached"
)

// Values of LabelReplica.
const (
	ReplicaPush = "push"
	ReplicaPull = "pull"
)
