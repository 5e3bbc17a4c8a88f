package dosim

import (
	"net/http"
	"slices"
	"time"
)

// lintRun is a run of clusterlint. It completes by itself.
type lintRun struct {
	ID          string    `json:"id"`
	RequestedAt time.Time `json:"requested_at"`
	CompletedAt time.Time `json:"completed_at"`
	Checks      []string  `json:"checks"`
}

// diagnostic is a finding of clusterlint.
type diagnostic struct {
	CheckName string     `json:"check_name"`
	Severity  string     `json:"severity"` // error, warning or suggestion
	Message   string     `json:"message"`
	Object    lintObject `json:"object"`
}

type lintObject struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace,omitempty"`
}

// lintCheck is a check of clusterlint, and what it finds in every cluster.
type lintCheck struct {
	name    string
	groups  []string
	finding diagnostic
}

// lintChecks are some of the real ones. Source: the documentation of the
// project digitalocean/clusterlint, checks.md.
var lintChecks = []lintCheck{
	newCheck("admission-controller-webhook", "error", "Webhook matches objects in the kube-system namespace. This can cause problems when upgrading the cluster.",
		lintObject{"validating webhook configuration", "image-policy", ""}, "basic"),
	newCheck("admission-controller-webhook-replacement", "error", "Validating webhook is configured in such a way that it may be problematic during upgrades.",
		lintObject{"validating webhook configuration", "image-policy", ""}, "doks"),
	newCheck("admission-controller-webhook-timeout", "error", "Validating webhook with a TimeoutSeconds value greater than 29 seconds will block upgrades.",
		lintObject{"validating webhook configuration", "image-policy", ""}, "doks"),
	newCheck("bare-pods", "error", "Avoid using bare pods in clusters",
		lintObject{"pod", "debug-shell", "default"}, "basic"),
	newCheck("default-namespace", "warning", "Avoid using the default namespace",
		lintObject{"deployment", "hello-world", "default"}, "basic"),
	newCheck("dobs-pod-owner", "warning", "Pod referencing dobs volumes must be owned by statefulset",
		lintObject{"pod", "ledger-6c9f7d5b8-x2x4q", "shop"}, "doks"),
	newCheck("fully-qualified-image", "warning", "Use fully qualified image for container 'web'",
		lintObject{"pod", "web-7d4b9c6f5d-p8kzr", "shop"}, "basic"),
	newCheck("latest-tag", "warning", "Avoid using latest tag for container 'web'",
		lintObject{"pod", "web-7d4b9c6f5d-p8kzr", "shop"}, "basic"),
	newCheck("node-name-pod-selector", "warning", "Avoid node name label for node selector.",
		lintObject{"pod", "batch-28412345-7kq2m", "jobs"}, "doks"),
	newCheck("node-labels-and-taints", "warning", "Custom node labels and taints will be lost if node is replaced or upgraded.",
		lintObject{"node", "pool-default-x7f3a", ""}, "doks"),
	newCheck("non-root-user", "warning", "Container 'web' can run as root user. Please ensure that the image is from a trusted source.",
		lintObject{"pod", "web-7d4b9c6f5d-p8kzr", "shop"}, "security"),
	newCheck("privileged-containers", "warning", "Privileged container 'agent' found. Please ensure that the image is from a trusted source.",
		lintObject{"pod", "agent-9wz6d", "monitoring"}, "security"),
	newCheck("resource-requirements", "warning", "Set resource requests and limits for container 'web' to prevent resource contention",
		lintObject{"pod", "web-7d4b9c6f5d-p8kzr", "shop"}, "basic"),
	newCheck("unused-config-map", "warning", "Unused config map",
		lintObject{"config map", "old-settings", "shop"}, "basic"),
	newCheck("unused-pvc", "suggestion", "Unused persistent volume claim",
		lintObject{"persistent volume claim", "scratch", "jobs"}, "basic"),
	newCheck("unused-secret", "suggestion", "Unused secret",
		lintObject{"secret", "old-credentials", "shop"}, "basic"),
	newCheck("workload-health", "warning", "Pod 'web-7d4b9c6f5d-p8kzr' has restarted 12 times",
		lintObject{"pod", "web-7d4b9c6f5d-p8kzr", "shop"}, "workload-health"),
}

func newCheck(name, severity, words string, on lintObject, groups ...string) lintCheck {
	return lintCheck{name, groups, diagnostic{CheckName: name, Severity: severity, Message: words, Object: on}}
}

// lintParams choose checks: those of the included groups and the included
// checks, without the excluded ones. The group doks is chosen when nothing is,
// every group when there are exclusions only.
type lintParams struct {
	IncludeGroups []string `json:"include_groups"`
	IncludeChecks []string `json:"include_checks"`
	ExcludeGroups []string `json:"exclude_groups"`
	ExcludeChecks []string `json:"exclude_checks"`
}

func (p lintParams) choose() []string {
	all := len(p.IncludeGroups)+len(p.IncludeChecks) == 0
	if all && len(p.ExcludeGroups)+len(p.ExcludeChecks) == 0 {
		all, p.IncludeGroups = false, []string{"doks"}
	}
	chosen := []string{}
	for _, check := range lintChecks {
		in := func(groups []string) bool {
			return slices.ContainsFunc(check.groups, func(g string) bool { return slices.Contains(groups, g) })
		}
		included := all || in(p.IncludeGroups) || slices.Contains(p.IncludeChecks, check.name)
		if included && !in(p.ExcludeGroups) && !slices.Contains(p.ExcludeChecks, check.name) {
			chosen = append(chosen, check.name)
		}
	}
	return chosen
}

func (w *world) runClusterlint(r *http.Request) (any, error) {
	c, err := w.changeable(r)
	if err != nil {
		return nil, err
	}
	var params lintParams
	if err := decode(r, &params); err != nil {
		return nil, err
	}
	now := w.now()
	run := lintRun{ID: newID(), RequestedAt: now, CompletedAt: now.Add(w.scale(lintFor)), Checks: params.choose()}
	c.Runs = append(c.Runs, run)
	return object{"run_id": run.ID}, nil
}

func (w *world) getClusterlint(r *http.Request) (any, error) {
	c, err := w.cluster(r)
	if err != nil {
		return nil, err
	}
	run, err := c.run(r.URL.Query().Get("run_id"))
	if err != nil {
		return nil, err
	}
	shown := object{"run_id": run.ID, "requested_at": timestamp(run.RequestedAt), "diagnostics": []diagnostic{}}
	if reached(w.now(), run.CompletedAt) {
		shown["completed_at"], shown["diagnostics"] = timestamp(run.CompletedAt), run.diagnostics()
	}
	return shown, nil
}

// run returns the run called id, the last one when it is empty.
func (c *cluster) run(id string) (lintRun, error) {
	for _, run := range slices.Backward(c.Runs) {
		if id == "" || run.ID == id {
			return run, nil
		}
	}
	return lintRun{}, notFound("clusterlint run not found")
}

func (run lintRun) diagnostics() []diagnostic {
	found := []diagnostic{}
	for _, check := range lintChecks {
		if slices.Contains(run.Checks, check.name) {
			found = append(found, check.finding)
		}
	}
	return found
}
