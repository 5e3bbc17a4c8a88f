package notify

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"net/http"
	"strconv"
	"time"

	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"doksportal/internal/portal"
)

const secretPrefix = "whsec_"

// newSecret makes a secret that a webhook's receiver verifies signatures with.
func newSecret() string {
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails
	return secretPrefix + base64.StdEncoding.EncodeToString(key)
}

// newClient returns a client that connects to public addresses only, follows
// no redirect, uses no proxy and waits for nobody long.
func newClient(private bool, roots *x509.CertPool) *http.Client {
	const connectFor = 5 * time.Second
	dialer := &net.Dialer{Timeout: connectFor, Control: guard(private)}
	return &http.Client{
		Timeout:       sendFor,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            dialer.DialContext,
			TLSHandshakeTimeout:    connectFor,
			TLSClientConfig:        &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12},
			MaxResponseHeaderBytes: 64 << 10,
			DisableKeepAlives:      true,
		},
	}
}

// webhookChannel sends JSON with a signature by the standard-webhooks
// specification.
var webhookChannel = channelKind{
	refusal: refuseHooks,
	parse: func(s *Service, typed string) (target, string, string) {
		t, label, problem := parseHook(s, typed)
		t.Secret = newSecret()
		return t, label, problem
	},
	send: sendWebhook,
}

// refuseHooks says that no host may receive webhooks.
func refuseHooks(s *Service, _ portal.Owner) string {
	if len(s.WebhookHosts) == 0 {
		return "The portal sends to no webhooks; see PORTAL_WEBHOOK_HOSTS."
	}
	return ""
}

func parseHook(s *Service, typed string) (target, string, string) {
	u, problem := s.checkURL(typed)
	if problem != "" {
		return target{}, "", problem
	}
	return target{URL: u.String()}, redact(u), ""
}

// payload is the body of a generic webhook.
type payload struct {
	Type      string    `json:"type"`
	Timestamp time.Time `json:"timestamp"`
	Data      struct {
		Headline string            `json:"headline"`
		Request  int64             `json:"request,omitempty"`
		URL      string            `json:"url"`
		Details  map[string]string `json:"details"`
	} `json:"data"`
}

func (m message) payload() payload {
	p := payload{Type: "test", Timestamp: m.at.UTC()}
	if m.topic != "" {
		p.Type = "request." + string(m.topic)
	}
	p.Data.Headline, p.Data.Request, p.Data.URL, p.Data.Details = m.headline, m.number, m.link, map[string]string{}
	for _, l := range m.lines {
		name, known := detailNames[l.label]
		if known {
			p.Data.Details[name] = l.text
		}
	}
	return p
}

// detailNames are the names that the lines of a message have in a payload.
var detailNames = map[string]string{"": "summary", "Requested by": "requester", "Team": "team", "Reason": "justification", "State": "state"}

// sendWebhook sends a message. The id is the same for all attempts.
func sendWebhook(ctx context.Context, s *Service, t target, d claimed, m message) *failure {
	body, err := json.Marshal(m.payload())
	if err != nil {
		return &failure{words: "The message could not be written."}
	}
	signer, err := standardwebhooks.NewWebhook(t.Secret)
	if err != nil {
		return &failure{"The channel's secret cannot be used. Remove the channel and add it again.", true}
	}
	now := s.Now()
	signature, err := signer.Sign(d.id, now, body)
	if err != nil {
		return &failure{words: "The message could not be signed."}
	}
	return s.post(ctx, t.URL, body, map[string]string{
		standardwebhooks.HeaderWebhookID:        d.id,
		standardwebhooks.HeaderWebhookTimestamp: strconv.FormatInt(now.Unix(), 10),
		standardwebhooks.HeaderWebhookSignature: signature,
	})
}

// post sends JSON to a webhook. The answer's body is not read.
func (s *Service) post(ctx context.Context, address string, body []byte, headers map[string]string) *failure {
	u, problem := s.checkURL(address)
	if problem != "" {
		return &failure{words: problem}
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, u.String(), bytes.NewReader(body))
	if err != nil {
		return &failure{words: "The address cannot be used."}
	}
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set("User-Agent", "DOKS-Portal")
	for name, value := range headers {
		req.Header.Set(name, value)
	}
	resp, err := s.http.Do(req)
	if err != nil {
		return connectionFailure(err)
	}
	_ = resp.Body.Close()
	return statusFailure(resp.StatusCode)
}

func statusFailure(status int) *failure {
	switch {
	case status >= 200 && status < 300:
		return nil
	case status >= 300 && status < 400:
		return &failure{words: fmt.Sprintf("It answered with a redirect (%d), which the portal does not follow.", status)}
	case status == http.StatusGone:
		return &failure{"It answered that it is gone (410). Remove the channel.", true}
	}
	return &failure{words: fmt.Sprintf("It answered with status %d.", status)}
}

// connectionFailure says why a server could not be spoken to. Errors of the
// net packages name addresses, so their own words are not shown.
func connectionFailure(err error) *failure {
	var refused addressError
	var dns *net.DNSError
	var certificate *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.As(err, &refused):
		return &failure{words: "Its address is a private one, and the portal sends nothing there."}
	case errors.As(err, &dns):
		return &failure{words: "Its host name could not be found."}
	case errors.As(err, &certificate):
		return &failure{words: "Its certificate is not one that the portal trusts."}
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return &failure{words: "It did not answer in time."}
	}
	return &failure{words: "The portal could not connect to it."}
}
