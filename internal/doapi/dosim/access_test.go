package dosim_test

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"regexp"
	"strings"
	"testing"
	"time"
)

func TestKubeconfig(t *testing.T) {
	t.Parallel()
	b := setup(t)
	made := b.call("POST", clusters, minimal)
	path := clusterPath(made.text("kubernetes_cluster.id"))
	b.call("GET", path+"/kubeconfig", "").refuses(404, "not_found", "the cluster's credentials are not available yet")
	b.call("GET", path+"/credentials", "").refuses(404, "not_found", "the cluster's credentials are not available yet")
	b.clock.advance(5 * time.Minute)
	got := b.get(path + "/kubeconfig?expiry_seconds=300")
	if kind := got.header.Get("Content-Type"); kind != "application/yaml" {
		t.Errorf("content type %q", kind)
	}
	form := regexp.MustCompile(`^apiVersion: v1
clusters:
- cluster:
    certificate-authority-data: ([A-Za-z0-9+/=]+)
    server: (https://[0-9a-f-]{36}\.k8s\.ondigitalocean\.com)
  name: do-fra1-shop
contexts:
- context:
    cluster: do-fra1-shop
    user: do-fra1-shop-admin
  name: do-fra1-shop
current-context: do-fra1-shop
kind: Config
preferences: \{\}
users:
- name: do-fra1-shop-admin
  user:
    token: [0-9a-f]{64}
$`)
	parts := form.FindStringSubmatch(got.body)
	if parts == nil {
		t.Fatal(got.body)
	}
	if server := b.get(path).text("kubernetes_cluster.endpoint"); parts[2] != server {
		t.Errorf("server %s, want %s", parts[2], server)
	}
	b.get(path+"/credentials").is("certificate_authority_data", `"`+parts[1]+`"`)
	wantCA(t, parts[1])
}

// wantCA wants the certificate of an authority, as clients parse it.
func wantCA(t *testing.T, encoded string) {
	t.Helper()
	content, err := base64.StdEncoding.DecodeString(encoded)
	if err != nil {
		t.Fatal(err)
	}
	block, _ := pem.Decode(content)
	if block == nil {
		t.Fatalf("no PEM: %s", content)
	}
	if ca, err := x509.ParseCertificate(block.Bytes); err != nil || !ca.IsCA {
		t.Errorf("%+v, %v", ca, err)
	}
}

func TestCredentials(t *testing.T) {
	t.Parallel()
	b := setup(t)
	path := b.add("shop")
	b.clock.advance(123456789)
	for query, want := range map[string]string{
		"":                    "2026-01-09T03:04:05.123456789Z",
		"?expiry_seconds=0":   "2026-01-09T03:04:05.123456789Z",
		"?expiry_seconds=300": "2026-01-02T03:09:05.123456789Z",
	} {
		got := b.get(path+"/credentials"+query).is("expires_at", `"`+want+`"`)
		got.is("client_certificate_data", "null").is("client_key_data", "null")
		got.is("server", `"`+b.get(path).text("kubernetes_cluster.endpoint")+`"`)
		if token := got.text("token"); len(token) != 64 || strings.Contains(b.get(path+"/credentials").body, token) {
			t.Errorf("token %q is not a new one", token)
		}
	}
	for _, wrong := range []string{"-1", "x", "9223372036854775807"} {
		b.call("GET", path+"/credentials?expiry_seconds="+wrong, "").invalid("validation error: invalid expiry_seconds")
		b.call("GET", path+"/kubeconfig?expiry_seconds="+wrong, "").invalid("validation error: invalid expiry_seconds")
	}
	for _, part := range []string{"/credentials", "/kubeconfig", "/user"} {
		b.call("GET", clusterPath("x")+part, "").refuses(404, "not_found", "cluster not found")
	}
	b.get(path+"/user").is("kubernetes_cluster_user", `{"groups":["k8saas:authenticated"],"username":"simulator@example.com"}`)
}
