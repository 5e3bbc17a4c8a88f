package doapi

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// Clusterlint are the findings of a run of clusterlint. Source: API reference,
// "Fetch Clusterlint Diagnostics for a Kubernetes Cluster".
type Clusterlint struct {
	RunID       string         `json:"run_id"`
	RequestedAt time.Time      `json:"requested_at"`
	CompletedAt time.Time      `json:"completed_at"` // zero while it runs
	Diagnostics []Diagnostic   `json:"diagnostics"`
	Extra       jsontext.Value `json:",unknown"`
}

// Diagnostic is one finding.
type Diagnostic struct {
	CheckName string           `json:"check_name"`
	Severity  string           `json:"severity"` // error, warning, suggestion
	Message   string           `json:"message"`
	Object    DiagnosticObject `json:"object"`
	Extra     jsontext.Value   `json:",unknown"`
}

// DiagnosticObject is the Kubernetes object that a finding is about.
type DiagnosticObject struct {
	Kind      string         `json:"kind"`
	Name      string         `json:"name"`
	Namespace string         `json:"namespace"`
	Extra     jsontext.Value `json:",unknown"`
}

// RunClusterlint says which checks run; without any, those of the group doks.
type RunClusterlint struct {
	IncludeGroups []string `json:"include_groups,omitempty"`
	IncludeChecks []string `json:"include_checks,omitempty"`
	ExcludeGroups []string `json:"exclude_groups,omitempty"` // are left out
	ExcludeChecks []string `json:"exclude_checks,omitempty"` // are left out
}

// StatusMessage tells of something that affects a cluster. Source: API
// reference, "Fetch Status Messages for a Kubernetes Cluster".
type StatusMessage struct {
	Message   string         `json:"message"`
	Timestamp time.Time      `json:"timestamp"`
	Extra     jsontext.Value `json:",unknown"`
}

// GetClusterlint reads the findings of a run, or of the latest when runID is
// empty. Before the first run there are none: IsNotFound.
//
// GET /v2/kubernetes/clusters/{cluster_id}/clusterlint, scope kubernetes:read.
func (c *Client) GetClusterlint(ctx context.Context, id, runID string) (Clusterlint, error) {
	var answer Clusterlint
	query := url.Values{}
	if runID != "" {
		query.Set("run_id", runID)
	}
	err := c.get(ctx, call{path: clusters(id, "clusterlint"), query: query, read: into(&answer)})
	return answer, err
}

// RunClusterlint starts the checks and returns the run that GetClusterlint
// reads.
//
// POST /v2/kubernetes/clusters/{cluster_id}/clusterlint, scope kubernetes:update.
func (c *Client) RunClusterlint(ctx context.Context, id string, params RunClusterlint) (runID string, err error) {
	var answer struct {
		RunID string `json:"run_id"`
	}
	err = c.write(ctx, call{method: http.MethodPost, path: clusters(id, "clusterlint"), body: params, read: into(&answer)})
	if err == nil && answer.RunID == "" {
		err = wrong(true, "the answer names no run")
	}
	return answer.RunID, err
}

// ListStatusMessages reads what has been said about a cluster, since a time
// unless that is zero.
//
// GET /v2/kubernetes/clusters/{cluster_id}/status_messages, scope kubernetes:read.
func (c *Client) ListStatusMessages(ctx context.Context, id string, since time.Time) ([]StatusMessage, error) {
	var answer struct {
		Messages []StatusMessage `json:"messages"`
	}
	query := url.Values{}
	if !since.IsZero() {
		query.Set("since", since.UTC().Format(time.RFC3339))
	}
	err := c.get(ctx, call{path: clusters(id, "status_messages"), query: query, read: into(&answer)})
	return answer.Messages, err
}
