package stream

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"doksportal/internal/audit"
	"doksportal/internal/audit/export"
	"doksportal/internal/audit/remote"
)

// Options are what sending needs beside the address.
type Options struct {
	Now           func() time.Time
	Secret        string         // signs what webhooks are sent, as Standard Webhooks writes it, whsec_…
	Authorization string         // of webhooks, the value of that header; empty for none
	Roots         *x509.CertPool // whom servers' certificates are trusted from; nil means the system's
}

// Target is where a stream goes.
type Target struct {
	receiver
	format  export.Format
	secrets []string
}

// receiver takes events in their order, all of them or, as far as it says, none.
type receiver interface {
	String() string // for people, without secrets
	send(ctx context.Context, events []audit.Entry, lines [][]byte) error
}

// Open makes the target of an address: a webhook like https://siem.example/ingest, or
// syslog+tls://host:6514, with ?format= of the events. It connects to nothing. Errors
// have no secret, and nothing of a path.
func Open(address string, o Options) (*Target, error) {
	u, err := url.Parse(address)
	if err != nil || (u.Scheme != "https" && u.Scheme != "syslog+tls") || u.Host == "" {
		return nil, errors.New("write it like https://siem.example/ingest?format=ocsf or syslog+tls://siem.example:6514?format=jsonl")
	}
	if u.User != nil || u.Fragment != "" {
		return nil, errors.New("an address has no password and no part after #; see PORTAL_AUDIT_STREAM_AUTHORIZATION")
	}
	t := &Target{secrets: nonempty(o.Secret, o.Authorization)}
	name := u.Query().Get("format")
	if t.format, _ = export.Named(name); !t.format.Streams() {
		return nil, fmt.Errorf("format must be %s", streaming())
	}
	if u.Scheme == "https" {
		t.receiver, err = openWebhook(u, o)
	} else {
		t.receiver, err = openSyslog(u, o)
	}
	return t, err
}

// streaming are the names of the formats that can be streamed.
func streaming() string {
	var names []string
	for _, f := range export.Formats {
		if f.Streams() {
			names = append(names, f.Name)
		}
	}
	return strings.Join(names, " or ")
}

func nonempty(list ...string) (secrets []string) {
	for _, s := range list {
		if s != "" {
			secrets = append(secrets, s)
		}
	}
	return secrets
}

// webhook is sent the events of a batch as lines. What else the query of its address
// has is the receiver's.
type webhook struct{ *remote.Webhook }

func openWebhook(u *url.URL, o Options) (receiver, error) {
	query := u.Query()
	query.Del("format")
	u.RawQuery = query.Encode()
	w, err := remote.NewWebhook(u, "PORTAL_AUDIT_STREAM_SECRET", o.Secret, o.Roots, o.Now)
	if err != nil {
		return nil, err
	}
	if o.Authorization != "" {
		w.Header = http.Header{"Authorization": {o.Authorization}}
	}
	return webhook{w}, nil
}

func (w webhook) send(ctx context.Context, events []audit.Entry, lines [][]byte) error {
	id := fmt.Sprintf("events-%d-%d", events[0].Number, events[len(events)-1].Number)
	return w.Post(ctx, id, "application/x-ndjson; charset=utf-8", append(bytes.Join(lines, []byte{'\n'}), '\n'))
}

// syslog is sent a message for each event.
type syslog struct{ *remote.Syslog }

func openSyslog(u *url.URL, o Options) (receiver, error) {
	set, err := remote.Settings(u, "format", "ca")
	if err != nil {
		return nil, err
	}
	s, err := remote.NewSyslog(u, set.Get("ca"), o.Roots)
	if err != nil {
		return nil, err
	}
	return syslog{s}, nil
}

func (s syslog) send(ctx context.Context, events []audit.Entry, lines [][]byte) error {
	messages := make([]remote.Message, len(events))
	for i, e := range events {
		messages[i] = remote.Message{At: e.At, ID: "event", Data: fmt.Sprintf(`[event@32473 number="%d"]`, e.Number), Text: string(lines[i])}
	}
	return s.Send(ctx, messages...)
}
