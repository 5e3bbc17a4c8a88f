// Package remote sends what the audit trail has to places outside of the portal that
// its operator names: signed webhooks, and syslog over TLS. Unlike the addresses of
// notifications, which users of the portal type, these may be private ones. Anchors
// and the stream to a SIEM use it.
package remote

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"
)

// Webhook posts to a server, signed as Standard Webhooks has it.
type Webhook struct {
	URL    *url.URL
	Header http.Header // besides those of each request; nil for none
	Now    func() time.Time

	signer *standardwebhooks.Webhook
	http   *http.Client
}

// minSecret is how long a secret is at least, in bytes, by Standard Webhooks.
const minSecret = 24

// NewWebhook makes a webhook. variable names the secret in errors, which have none of
// it. roots are whom the server's certificate is trusted from; nil means the system's.
func NewWebhook(u *url.URL, variable, secret string, roots *x509.CertPool, now func() time.Time) (*Webhook, error) {
	if secret == "" {
		return nil, fmt.Errorf("set %s to the secret that its receiver verifies signatures with", variable)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil || len(key) < minSecret {
		return nil, fmt.Errorf("%s must be whsec_ and at least %d bytes in base64; openssl rand -base64 32 makes them", variable, minSecret)
	}
	signer, err := standardwebhooks.NewWebhookRaw(key)
	if err != nil {
		return nil, fmt.Errorf("%s cannot be used", variable)
	}
	transport := Transport(roots)
	transport.DisableKeepAlives = true
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &Webhook{URL: u, Now: now, signer: signer, http: client}, nil
}

// Transport trusts some roots, and goes through the proxy of the environment, which
// sees nothing of what is within TLS.
func Transport(roots *x509.CertPool) *http.Transport {
	const handshakeFor = 5 * time.Second
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    handshakeFor,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

// String names the webhook without secrets, which its path may have.
func (w *Webhook) String() string { return "webhook " + w.URL.Host }

// Post sends a body; id is the same for each attempt. It returns nil once the server
// has answered that it has it.
func (w *Webhook) Post(ctx context.Context, id, contentType string, body []byte) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.URL.String(), bytes.NewReader(body))
	if err != nil {
		return errors.New("its address cannot be used")
	}
	now := w.Now()
	signature, err := w.signer.Sign(id, now, body)
	if err != nil {
		return errors.New("what it is sent could not be signed")
	}
	if w.Header != nil {
		req.Header = w.Header.Clone()
	}
	req.Header.Set("Content-Type", contentType)
	req.Header.Set("User-Agent", "DOKS-Portal")
	req.Header.Set(standardwebhooks.HeaderWebhookID, id)
	req.Header.Set(standardwebhooks.HeaderWebhookTimestamp, strconv.FormatInt(now.Unix(), 10))
	req.Header.Set(standardwebhooks.HeaderWebhookSignature, signature)
	resp, err := w.http.Do(req)
	if err != nil {
		return err
	}
	_ = resp.Body.Close()
	switch {
	case resp.StatusCode >= 200 && resp.StatusCode < 300:
		return nil
	case resp.StatusCode >= 300 && resp.StatusCode < 400:
		return fmt.Errorf("it answered with a redirect (%d), which is not followed", resp.StatusCode)
	}
	return fmt.Errorf("it answered with status %d", resp.StatusCode)
}
