package anchor

import (
	"context"
	"crypto/tls"
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

// webhook sends checkpoints to a server that keeps them. Unlike the webhooks of
// notifications, whose addresses users of the portal type, its address is the
// operator's: it may be a private one, and what it is sent is public.
type webhook struct {
	url    *url.URL
	signer *standardwebhooks.Webhook
	http   *http.Client
	now    func() time.Time
}

// minSecret is how long a secret is at least, in bytes, by Standard Webhooks.
const minSecret = 24

func openWebhook(u *url.URL, o Options) (place, error) {
	if o.WebhookSecret == "" {
		return nil, errors.New("set PORTAL_AUDIT_WEBHOOK_SECRET to the secret that its receiver verifies signatures with")
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(o.WebhookSecret, "whsec_"))
	if err != nil || len(key) < minSecret {
		return nil, fmt.Errorf("PORTAL_AUDIT_WEBHOOK_SECRET must be whsec_ and at least %d bytes in base64; openssl rand -base64 32 makes them", minSecret)
	}
	signer, err := standardwebhooks.NewWebhookRaw(key)
	if err != nil {
		return nil, errors.New("PORTAL_AUDIT_WEBHOOK_SECRET cannot be used")
	}
	transport := o.transport()
	transport.DisableKeepAlives = true
	client := &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return &webhook{u, signer, client, o.Now}, nil
}

// transport trusts whom the options say, and goes through the proxy of the
// environment, which sees nothing of what is within TLS.
func (o Options) transport() *http.Transport {
	const handshakeFor = 5 * time.Second
	return &http.Transport{
		Proxy:                  http.ProxyFromEnvironment,
		TLSClientConfig:        &tls.Config{RootCAs: o.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    handshakeFor,
		IdleConnTimeout:        time.Minute,
		MaxResponseHeaderBytes: 64 << 10,
	}
}

func (w *webhook) String() string { return "webhook " + w.url.Host }

// publish sends the note as it is. The id is the same for each attempt.
func (w *webhook) publish(ctx context.Context, c Checkpoint) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, w.url.String(), strings.NewReader(c.Note))
	if err != nil {
		return errors.New("its address cannot be used")
	}
	id, now := fmt.Sprintf("checkpoint-%d-%s", c.Size, digest(c.Note)), w.now()
	signature, err := w.signer.Sign(id, now, []byte(c.Note))
	if err != nil {
		return errors.New("the note could not be signed for it")
	}
	req.Header.Set("Content-Type", "text/plain; charset=utf-8")
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
