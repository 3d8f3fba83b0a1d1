package annotations

import (
	"errors"
	"fmt"
	"maps"
	"runtime"
	"strings"
	"testing"
)

// longNotes are annotations whose text takes more than is held for every source.
func longNotes() map[string]string {
	return map[string]string{
		PushTo: strings.Repeat("team-*,", maxTextHeld/7), Exclude: "team-x", TargetName: "other", OnDelete: "keep",
		SurvivesRecreation: "true", AttachToServiceAccounts: "builder",
	}
}

func TestOutline(t *testing.T) {
	notes := longNotes()
	full := policyOf(t, notes)
	outlineOf := func(notes map[string]string) *Policy { return Outline("ns", "n", notes).Policy }
	lean := outlineOf(notes)
	if !lean.IsOutline() || full.IsOutline() || outlineOf(map[string]string{PushTo: "team-*"}).IsOutline() {
		t.Fatal("which policies are outlines?")
	}
	if lean.Full() != nil || full.Full() != full {
		t.Error("what is loaded?")
	}
	t.Run("what is short is kept", func(t *testing.T) {
		if lean.ReplicaName("s") != "other" || lean.OnDelete != Keep || !lean.SurvivesRecreation || lean.Push == nil ||
			lean.Pull != nil || lean.Cost().Own < full.textSize {
			t.Errorf("%+v", lean)
		}
	})
	t.Run("what it selects is not known", func(t *testing.T) {
		if yes, err := lean.PushesTo("team-a", nil); yes || err == nil {
			t.Errorf("%t, %v", yes, err)
		}
		if yes, err := lean.PullableBy("team-a", nil); yes || err != nil {
			t.Errorf("nobody may pull: %t, %v", yes, err)
		}
		if lean.Competes("team-a", nil) || !lean.MayReach("other", nil) || !lean.MayAttachTo("any") ||
			!lean.SelectsByLabel() {
			t.Error("what it may do is not what it wants")
		}
	})
	t.Run("it is equal to what has the same annotations", func(t *testing.T) {
		changed := maps.Clone(notes)
		changed[PushTo] += ",one-more"
		if !lean.Equal(outlineOf(notes)) || lean.Equal(outlineOf(changed)) ||
			lean.Equal(full) || full.Equal(lean) {
			t.Error("to what is it equal?")
		}
		if lean.Load(policyOf(t, changed), changed) || lean.Full() != nil || full.Load(full, notes) {
			t.Error("it was given another's text")
		}
	})
	t.Run("loaded it is as before", func(t *testing.T) {
		if !lean.Load(full, notes) || lean.Full() != full {
			t.Fatal("it was not loaded")
		}
		for namespace, want := range map[string]bool{"team-a": true, "team-x": false, "b": false} {
			if yes, err := lean.PushesTo(namespace, nil); yes != want || err != nil {
				t.Errorf("%s: %t, %v", namespace, yes, err)
			}
			if lean.Competes(namespace, nil) != want || lean.MayReach(namespace, nil) != want {
				t.Errorf("%s: whether it wants it", namespace)
			}
		}
		if lean.MayAttachTo("any") || !lean.MayAttachTo("builder") {
			t.Error("to what may it be attached?")
		}
	})
	t.Run("suspended it is an outline again", func(t *testing.T) {
		suspended := errors.New("too much")
		lean.Suspend(suspended)
		if _, err := full.PushesTo("team-a", nil); lean.Full() != nil || !errors.Is(err, suspended) {
			t.Errorf("who holds the text matches it still: %v", err)
		}
	})
}

// TestHeldText: of the worst that one object can hold, little stays where the policy is an outline.
func TestHeldText(t *testing.T) {
	const limit = 256 << 10
	unknown := map[string]string{PushTo: "*"}
	for i := range limit / 40 {
		unknown[fmt.Sprintf("%sunknown-%06d", Prefix, i)] = "value"
	}
	for name, notes := range map[string]map[string]string{
		"patterns":             {PushTo: strings.Repeat("a,", limit/2)},
		"a list with an error": {PushTo: strings.Repeat("a,", limit/2) + "("},
		"expressions":          {replicatorTo: strings.Repeat("a.,", 1000) + strings.Repeat("a,", limit/2-2000)},
		"excluded":             {PushTo: "(", Exclude: strings.Repeat("a,", limit/2)},
		"an unknown key":       {Prefix + "unknown": strings.Repeat("a", limit)},
		"many unknown keys":    unknown,
		"a selector":           {PushToSelector: "a in (" + strings.Repeat("b,", limit/2) + "c)"},
	} {
		t.Run(name, func(t *testing.T) {
			before := heap()
			held := make([]Claims, 20)
			for i := range held {
				own := maps.Clone(notes)
				for key, value := range own {
					own[key] = strings.Clone(value)
				}
				held[i] = Outline("ns", "n", own)
			}
			if each := (heap() - before) / len(held); each > 40<<10 {
				t.Errorf("each takes %d bytes", each)
			} else {
				t.Logf("each takes %d bytes", each)
			}
			runtime.KeepAlive(held)
		})
	}
}
