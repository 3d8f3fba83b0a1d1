package plan

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"
)

// TestPurity holds the package to what its comment says: it reads no clock, does no I/O, and what it decides on holds
// no function.
func TestPurity(t *testing.T) {
	allowed := map[string]bool{
		"cmp": true, "slices": true, "strings": true, "time": true, "k8s.io/api/core/v1": true,
		"k8s.io/apimachinery/pkg/types": true, "k8s.io/apimachinery/pkg/util/sets": true,
		"github.com/mirrorball-dev/mirrorball/annotations":      true,
		"github.com/mirrorball-dev/mirrorball/informers":        true,
		"github.com/mirrorball-dev/mirrorball/replicator/rules": true,
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, spec := range file.Imports {
			if name, _ := strconv.Unquote(spec.Path.Value); !allowed[name] {
				t.Errorf("%s imports %s", path, name)
			}
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				if x, ok := s.X.(*ast.Ident); ok && x.Name == "time" {
					switch s.Sel.Name {
					case "Time", "Duration":
					default:
						t.Errorf("%s uses time.%s", path, s.Sel.Name)
					}
				}
			}
			return true
		})
	}
	for _, v := range []any{World{}, Facts{}} {
		noFunctions(t, reflect.TypeOf(v), reflect.TypeOf(v).Name(), map[reflect.Type]bool{})
	}
}

// noFunctions fails where a value of the type can hold a function. Policies are left out: that they are matched while
// the snapshot is gathered is what Make relies on, and what it calls of them are patterns.
func noFunctions(t *testing.T, typ reflect.Type, path string, seen map[reflect.Type]bool) {
	t.Helper()
	if seen[typ] || typ.PkgPath() == "time" || typ.Name() == "Policy" || typ.Name() == "Claims" {
		return
	}
	seen[typ] = true
	switch typ.Kind() {
	case reflect.Func, reflect.Chan:
		t.Errorf("%s is a %s", path, typ.Kind())
	case reflect.Pointer, reflect.Slice, reflect.Array:
		noFunctions(t, typ.Elem(), path, seen)
	case reflect.Map:
		noFunctions(t, typ.Key(), path, seen)
		noFunctions(t, typ.Elem(), path, seen)
	case reflect.Struct:
		for i := range typ.NumField() {
			noFunctions(t, typ.Field(i).Type, path+"."+typ.Field(i).Name, seen)
		}
	}
}
