package doapi

import (
	"fmt"
	"io"
	"log/slog"
	"time"

	"github.com/go-json-experiment/json/jsontext"
)

// hidden stands where a secret would.
const hidden = "[hidden]"

// Kubeconfig is a kubeconfig file with a token in it. It hides itself from
// everything that formats it; its bytes are for the one place that needs them.
type Kubeconfig []byte

// String hides the file.
func (Kubeconfig) String() string { return hidden }

// Format hides the file from every verb.
func (Kubeconfig) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// LogValue hides the file from log lines.
func (Kubeconfig) LogValue() slog.Value { return slog.StringValue(hidden) }

// MarshalJSON hides the file from what is written as JSON.
func (Kubeconfig) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// Credentials give access to a cluster: by Token, or by a certificate where
// the cluster knows no tokens. They hide themselves from everything that
// formats them. Source: API reference, "Retrieve Credentials for a Kubernetes
// Cluster".
type Credentials struct {
	Server                   string
	CertificateAuthorityData string // base64
	Token                    string
	ClientCertificateData    string // base64
	ClientKeyData            string // base64
	ExpiresAt                time.Time
	Extra                    jsontext.Value
}

// credentialsAnswer is how credentials come.
type credentialsAnswer struct {
	Server                   string         `json:"server"`
	CertificateAuthorityData string         `json:"certificate_authority_data"`
	Token                    string         `json:"token"`
	ClientCertificateData    string         `json:"client_certificate_data"`
	ClientKeyData            string         `json:"client_key_data"`
	ExpiresAt                time.Time      `json:"expires_at"`
	Extra                    jsontext.Value `json:",unknown"`
}

// String hides the secrets and says where they are for.
func (c Credentials) String() string { return "credentials for " + c.Server + " " + hidden }

// GoString hides the secrets from %#v.
func (c Credentials) GoString() string { return c.String() }

// Format hides the secrets from every verb.
func (c Credentials) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, c.String()) }

// LogValue hides the secrets from log lines.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalJSON hides the secrets from what is written as JSON.
func (Credentials) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }
