// Package inspect describes what an Inspector decided, for the commands that only read: a Report holds every source
// with its targets, objects that pull, findings and planned writes, as values that are printed as they are. The names
// of fields in JSON are a versioned interface; docs/audit.schema.json describes them.
//
// Nothing in a Report comes from the data of a Secret but the names of keys.
package inspect
