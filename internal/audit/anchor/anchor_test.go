package anchor_test

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"doksportal/internal/audit/anchor"
	"doksportal/internal/portal"
)

// A server that takes connections and says nothing holds nobody up.
func TestSilentServers(t *testing.T) {
	b := setup(t)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	t.Cleanup(func() { _ = l.Close() })
	b.options = b.options.Within(50 * time.Millisecond)
	b.options.Mail = func(ctx context.Context, _ []string, _, _ string) error {
		<-ctx.Done()
		return ctx.Err()
	}
	at := l.Addr().String()
	for _, address := range []string{"https://" + at + "/x", "syslog+tls://" + at, "s3://bucket/x?endpoint=https://" + at, "mailto:a@b.example"} {
		a := b.open(t, address)
		wantRefusal(t, a, "it did not answer in time")
		stopped, stop := context.WithCancel(t.Context())
		stop()
		if err := a.Publish(stopped, checkpoint(1)); err == nil || !strings.Contains(err.Error(), "this was stopped") {
			t.Errorf("%s: %v", a, err)
		}
	}
}

// What could not be read back is not published at all.
func TestNoCheckpoints(t *testing.T) {
	b := setup(t)
	path := filepath.Join(t.TempDir(), "checkpoints")
	a := b.open(t, "file://"+path)
	good := checkpoint(12)
	long := strings.Replace(good.Note, "\n\n", "\n"+strings.Repeat("x", anchor.MaxNote)+"\n\n", 1)
	for name, c := range map[string]anchor.Checkpoint{
		"another size":    {Size: 13, Note: good.Note},
		"nothing":         {Size: 12},
		"unsigned":        {Size: 12, Note: good.Note[:strings.Index(good.Note, "—")]},
		"no end":          {Size: 12, Note: strings.TrimSuffix(good.Note, "\n")},
		"two":             {Size: 12, Note: good.Note + "\n" + good.Note},
		"text before":     {Size: 12, Note: "Hello\n\n" + good.Note},
		"a marker":        {Size: 12, Note: strings.Replace(good.Note, "\n\n", "\n=== cut off\n\n", 1)},
		"no root":         {Size: 12, Note: strings.Replace(good.Note, "=\n\n", "\n\n", 1)},
		"other new lines": {Size: 12, Note: strings.ReplaceAll(good.Note, "\n", "\r\n")},
		"too long":        {Size: 12, Note: long},
	} {
		if err := a.Publish(t.Context(), c); err == nil || portal.Is(err, portal.KindUnavailable) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := os.Stat(path); err == nil {
		t.Error("something was written")
	}
	extended := anchor.Checkpoint{Size: 12, Note: strings.Replace(good.Note, "\n\n", "\nmore lines\n\n", 1) + "— witness.example AAAA\n"}
	must(t, a.Publish(t.Context(), extended))
	for note, err := range b.reader(t, path).Checkpoints(t.Context()) {
		if must(t, err); note != extended.Note {
			t.Errorf("read %q", note)
		}
	}
}
