package dosim_test

import (
	"slices"
	"strings"
	"testing"
	"time"
)

func TestClusterlint(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.add("shop") + "/clusterlint"
	b.call("GET", path, "").refuses(404, "not_found", "clusterlint run not found")
	first := b.call("POST", path, "").want(202).text("run_id")
	b.get(path).is("run_id", `"`+first+`"`).is("requested_at", `"2026-01-02T03:04:05Z"`).is("completed_at", nothing).is("diagnostics", "[]")
	b.clock.advance(10 * time.Second)
	done := b.get(path).is("completed_at", `"2026-01-02T03:04:15Z"`)
	done.is("diagnostics.1", `{"check_name":"admission-controller-webhook-timeout","message":"Validating webhook with a TimeoutSeconds value greater than 29 seconds will block upgrades.",`+
		`"object":{"kind":"validating webhook configuration","name":"image-policy"},"severity":"error"}`)
	second := b.call("POST", path, `{"include_checks":["bare-pods"]}`).want(202).text("run_id")
	b.get(path).is("run_id", `"`+second+`"`).is("diagnostics", "[]")
	if again := b.get(path + "?run_id=" + first); again.body != done.body {
		t.Errorf("a past run shows %s, and was %s", again.body, done.body)
	}
	b.call("GET", path+"?run_id=x", "").refuses(404, "not_found", "clusterlint run not found")
	b.call("POST", clusterPath("x")+"/clusterlint", "").refuses(404, "not_found", "cluster not found")
	b.call("GET", clusterPath("x")+"/clusterlint", "").refuses(404, "not_found", "cluster not found")
}

func TestClusterlintChoice(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.add("shop") + "/clusterlint"
	run := func(body string) (checks, severities []string) {
		b.call("POST", path, body).want(202)
		b.clock.advance(time.Minute)
		found, _ := b.get(path).at("diagnostics").([]any)
		for _, d := range found {
			d := d.(map[string]any)
			checks = append(checks, d["check_name"].(string))
			severities = append(severities, d["severity"].(string))
		}
		return checks, severities
	}
	everything, severities := run(`{"exclude_checks":["x"]}`)
	for _, s := range []string{"error", "warning", "suggestion"} {
		if !slices.Contains(severities, s) {
			t.Errorf("nothing of severity %s", s)
		}
	}
	without := func(names ...string) string {
		return strings.Join(slices.DeleteFunc(slices.Clone(everything), func(c string) bool { return slices.Contains(names, c) }), " ")
	}
	const doks = "admission-controller-webhook-replacement admission-controller-webhook-timeout dobs-pod-owner node-name-pod-selector node-labels-and-taints"
	for body, want := range map[string]string{
		``:   doks,
		`{}`: doks,
		`{"include_groups":[],"include_checks":null}`:                             doks,
		`{"include_groups":["security"]}`:                                         "non-root-user privileged-containers",
		`{"include_groups":["security"],"include_checks":["latest-tag"]}`:         "latest-tag non-root-user privileged-containers",
		`{"include_groups":["security"],"exclude_checks":["non-root-user"]}`:      "privileged-containers",
		`{"include_checks":["latest-tag","bare-pods"],"exclude_groups":["doks"]}`: "bare-pods latest-tag",
		`{"exclude_groups":["basic","doks","security"]}`:                          "workload-health",
		`{"exclude_checks":["default-namespace"]}`:                                without("default-namespace"),
		`{"include_checks":["unheard-of"]}`:                                       "",
	} {
		if got, _ := run(body); strings.Join(got, " ") != want {
			t.Errorf("%s finds %v, want %s", body, got, want)
		}
	}
}
