package portal

import (
	"fmt"
	"io"
	"log/slog"
	"time"
)

// Secret is what gives access to a cluster. It is handed to its reader and
// kept nowhere; nothing that formats it shows it.
type Secret struct {
	Kubeconfig []byte // of GetKubeconfig
	Server     string // of GetCredentials, like what follows
	Authority  string // the certificate authority's certificate, in base64
	Token      string
	// ClientCertificate and ClientKey, in base64, are what old clusters have
	// instead of a token.
	ClientCertificate string
	ClientKey         string
	ExpiresAt         time.Time
}

const hidden = "[secret]"

// String hides the secret from everything that formats it.
func (Secret) String() string { return hidden }

// Format hides the secret from every verb.
func (Secret) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, hidden) }

// MarshalJSON hides the secret from what is written as JSON.
func (Secret) MarshalJSON() ([]byte, error) { return []byte(`"` + hidden + `"`), nil }

// LogValue hides the secret from log lines.
func (Secret) LogValue() slog.Value { return slog.StringValue(hidden) }
