package dosim_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"doksportal/internal/doapi/dosim"
)

// everything that the API shows of a simulator.
func (b *bundle) everything() string {
	b.t.Helper()
	list := b.get(clusters)
	all := list.body
	found, _ := list.at("kubernetes_clusters").([]any)
	for _, c := range found {
		path := clusterPath(c.(map[string]any)["id"].(string))
		for _, part := range []string{"/clusterlint", "/status_messages", "/upgrades", "/destroy_with_associated_resources"} {
			all += b.call("GET", path+part, "").body
		}
	}
	return all
}

// busySim has clusters in every phase of their lives.
func busySim(t *testing.T, changes ...func(*dosim.Config)) *bundle {
	b := setup(t, changes...)
	b.call("POST", clusters, minimal).want(201)
	b.sim.Add(dosim.Seed{Name: "deleted", Region: "fra1", Size: "c-2", Resources: resources})
	upgraded := b.add("upgraded")
	b.call("POST", upgraded+"/clusterlint", "").want(202)
	b.call("POST", upgraded+"/upgrade", `{"version":"1.35.1-do.0"}`).want(202)
	set := b.add("set")
	b.call("PUT", set, `{"cluster_autoscaler_configuration":{"expanders":["random"]},"control_plane_firewall":{"enabled":true},"routing_agent":{"enabled":true}}`).want(202)
	b.call("PUT", b.pool(set, 0), `{"count":1,"labels":{"a":"b"},"taints":[{"key":"k","value":"v","effect":"NoSchedule"}]}`).want(202)
	b.call("POST", set+"/clusterlint", "").want(202)
	b.sim.SetState(strings.TrimPrefix(b.add("forced"), clusters+"/"), "degraded", "why")
	return b
}

// A simulator that takes over goes on where the other one was.
func TestSnapshot(t *testing.T) {
	t.Parallel()
	b := busySim(t)
	content, err := b.sim.Snapshot()
	if err != nil {
		t.Fatal(err)
	}
	other := setup(t, func(c *dosim.Config) { c.Now = b.clock.Now })
	if err := other.sim.Restore(content); err != nil {
		t.Fatal(err)
	}
	for range 8 {
		want, got := b.everything(), other.everything()
		for _, r := range []*string{&want, &got} {
			*r = requestIDs(*r)
		}
		if got != want {
			t.Fatalf("after %s: %s\nwant %s", b.clock.Now(), got, want)
		}
		b.clock.advance(80 * time.Second)
	}
	if again, err := other.sim.Snapshot(); err != nil || string(again) != string(content) {
		t.Errorf("the snapshot of a snapshot differs: %s, %v", again, err)
	}
}

// requestIDs takes out what differs from answer to answer.
func requestIDs(body string) string {
	for {
		_, after, found := strings.Cut(body, `"request_id":"`)
		if !found {
			return body
		}
		body = strings.Replace(body, `"request_id":"`+after[:36]+`"`, "", 1)
	}
}

func TestRestoreRefuses(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.add("kept")
	for content, want := range map[string]string{
		`[{"id":"x","name":"of the first version"}]`: "another version",
		`{"version":99,"clusters":[]}`:               "another version",
		`{}`:                                         "another version",
		``:                                           "unexpected end",
		`<html>`:                                     "invalid character",
	} {
		if err := b.sim.Restore([]byte(content)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v", content, err)
		}
	}
	b.get(clusters).is("kubernetes_clusters.0.name", `"kept"`)
}

// Each change is announced, and nothing else is.
func TestOnChange(t *testing.T) {
	t.Parallel()
	var announced []string
	b := setup(t, func(c *dosim.Config) {
		c.OnChange = func(state []byte) { announced = append(announced, string(state)) }
	})
	path := b.add("shop")
	b.get(path)
	b.call("PUT", path, `{"name":"Wrong Name"}`).want(422)
	b.call("PUT", path, `{"name":"renamed"}`).want(202)
	b.sim.Remove(strings.TrimPrefix(path, clusters+"/"))
	if len(announced) != 3 || !strings.Contains(announced[1], "renamed") {
		t.Errorf("%d announcements: %v", len(announced), announced)
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "state.json")
	cfg := dosim.Config{Token: token}
	fail := func(err error) { t.Error(err) }
	sim, err := dosim.Open(cfg, path, fail)
	if err != nil {
		t.Fatal(err)
	}
	sim.Add(dosim.Seed{Name: "kept", Region: "fra1", Size: "c-2", Count: 1})
	want, _ := sim.Snapshot()
	again, err := dosim.Open(cfg, path, fail)
	if err != nil {
		t.Fatal(err)
	}
	if got, _ := again.Snapshot(); string(got) != string(want) {
		t.Errorf("the file has %s, want %s", got, want)
	}
	if files, _ := os.ReadDir(filepath.Dir(path)); len(files) != 1 {
		t.Errorf("left behind: %v", files)
	}
	if err := os.WriteFile(path, []byte("[]"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := dosim.Open(cfg, path, fail); err == nil || !strings.Contains(err.Error(), path) {
		t.Errorf("an old file: %v", err)
	}
	if _, err := dosim.Open(cfg, filepath.Join(path, "x"), fail); err == nil {
		t.Error("a file in a file was opened")
	}
}

// A file that can no longer be written is told of.
func TestOpenThatCannotKeep(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "dir")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	var failed error
	sim, err := dosim.Open(dosim.Config{Token: token}, filepath.Join(dir, "state.json"), func(err error) { failed = errors.Join(failed, err) })
	if err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(dir); err != nil {
		t.Fatal(err)
	}
	sim.Add(dosim.Seed{Name: "lost", Region: "fra1", Size: "c-2"})
	if failed == nil {
		t.Error("nobody was told")
	}
}
