package doapi

import (
	"bytes"
	"errors"
	"testing"

	"github.com/go-json-experiment/json"
)

// seeds look like answers of DigitalOcean.
var seeds = []string{
	`{"kubernetes_cluster":{"id":"c1","name":"shop","ha":true,"tags":["k8s"],"created_at":"2026-01-02T03:04:05.123456789Z","endpoint":"","new":{"a":[1]},` +
		`"control_plane_firewall":{"enabled":true,"allowed_addresses":["1.2.3.4/32"]},"maintenance_policy":{"day":"any","duration":"4h0m0s","start_time":"00:00"},` +
		`"cluster_autoscaler_configuration":{"expanders":["priority"],"scale_down_utilization_threshold":0.65},"routing_agent":{"enabled":false},` +
		`"status":{"state":"provisioning","message":"provisioning"},"node_pools":[{"id":"p1","labels":null,"taints":[{"key":"k","effect":"NoSchedule"}],"nodes":[]}]}}`,
	`{"kubernetes_clusters":[{"id":"c1","registries":null,"version":"1.35.1-do.0"}],"links":{"pages":{"next":"https://api.digitalocean.com/v2"}},"meta":{"total":1}}`,
	`{"node_pool":{"id":"p1","count":3,"auto_scale":true,"min_nodes":0,"max_nodes":6,"labels":{"a":"b"},"nodes":[{"id":"n1","droplet_id":"","status":{"state":"running"}}]}}`,
	`{"completed_at":"2019-10-30T05:34:11Z","diagnostics":[{"check_name":"c","message":"m","severity":"warning","object":{"kind":"pod"}}],"run_id":"r1"}`,
	`{"certificate_authority_data":"LS0=","client_key_data":null,"expires_at":"2019-11-09T11:50:28.889080521Z","server":"https://s","token":"t"}`,
	`{"load_balancers":[{"id":"l1","name":"lb-001"}],"volume_snapshots":[],"volumes":null}`,
	`{"options":{"regions":[{"name":"New York 1","slug":"nyc1"}],"sizes":[],"versions":[{"slug":"1.18.8-do.0","supported_features":["docr-integration"]}]}}`,
	`{"sizes":[{"slug":"s-1vcpu-2gb","memory":2048,"price_hourly":0.01786,"price_monthly":12.0,"regions":["ams2"],"available":true}],"meta":{"total":1}}`,
	`{"id":"unprocessable_entity","message":"validation error: invalid version slug","request_id":"4d9d8375"}`,
	"apiVersion: v1\nkind: Config\n",
}

// FuzzDecode mutates answers: whatever comes is read or is an error, and what
// was read is not lost when it is written again.
func FuzzDecode(f *testing.F) {
	for _, seed := range seeds {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		decode[clusterAnswer](t, body)
		decode[clusterPage](t, body)
		decode[poolAnswer](t, body)
		decode[Clusterlint](t, body)
		decode[credentialsAnswer](t, body)
		decode[AssociatedResources](t, body)
		decode[struct {
			Options Options `json:"options"`
		}](t, body)
		decode[sizePage](t, body)
	})
}

func decode[T any](t *testing.T, body []byte) {
	t.Helper()
	var first, second T
	if err := into(&first)(body); err != nil {
		if semantic := new(json.SemanticError); errors.As(err, &semantic) {
			t.Errorf("the error carries the value: %v", err)
		}
		return
	}
	written := encode(t, first)
	if err := into(&second)(written); err != nil {
		t.Fatalf("%s: %v", written, err)
	}
	if again := encode(t, second); !bytes.Equal(written, again) {
		t.Errorf("%s\nbecame %s", written, again)
	}
}

func encode(t *testing.T, v any) []byte {
	t.Helper()
	written, err := json.Marshal(v, lenient, json.Deterministic(true))
	if err != nil {
		t.Fatal(err)
	}
	return written
}
