package anchor_test

import (
	"context"
	"errors"
	"mime/quotedprintable"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"doksportal/internal/audit/anchor"
	"doksportal/internal/portal"
)

func TestMail(t *testing.T) {
	b := setup(t)
	var bodies []string
	var fails error
	b.options.Mail = func(_ context.Context, to []string, subject, body string) error {
		if !slices.Equal(to, []string{"auditors@company.example", "other@company.example"}) || !strings.Contains(subject, "checkpoint") {
			t.Errorf("a mail to %q: %s", to, subject)
		}
		if fails == nil {
			bodies = append(bodies, body)
		}
		return fails
	}
	a := b.open(t, "mailto:auditors@company.example,other@company.example")
	if a.Prompt() || a.String() != "mail to auditors@company.example, other@company.example" {
		t.Errorf("%s, prompt: %v", a, a.Prompt())
	}
	fails = errors.New("550 no such user")
	wantRefusal(t, a, "550 no such user")
	fails = nil
	publish(t, a, 1)
	for range 2 {
		b.advance(time.Hour)
		if err := a.Publish(t.Context(), checkpoint(2)); !errors.Is(err, anchor.ErrNotDue) || portal.Is(err, portal.KindUnavailable) {
			t.Errorf("within a day: %v", err)
		}
	}
	b.advance(22 * time.Hour)
	publish(t, a, 3)
	if len(bodies) != 2 {
		t.Fatalf("%d mails", len(bodies))
	}
	for name, text := range map[string]string{
		"saved as text":   strings.ReplaceAll(bodies[1], "\n", "\r\n"),
		"of a mailbox":    "From: portal@company.example\nSubject: checkpoint\n\n" + bodies[0] + "\n-- \nthe portal\n" + bodies[1],
		"as it was sent":  "From: portal@company.example\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" + quoted(t, bodies[1]),
		"the note alone":  checkpoint(3).Note,
		"without its end": strings.TrimSuffix(checkpoint(3).Note, "\n"),
	} {
		path := filepath.Join(t.TempDir(), "mail.txt")
		must(t, os.WriteFile(path, []byte(text), 0o600))
		want := []int64{3}
		if name == "of a mailbox" {
			want = []int64{1, 3}
		}
		t.Run(name, func(t *testing.T) { wantNotes(t, b.reader(t, path).Checkpoints(t.Context()), want...) })
	}
}

func quoted(t *testing.T, text string) string {
	t.Helper()
	var b strings.Builder
	w := quotedprintable.NewWriter(&b)
	_, err := w.Write([]byte(text))
	must(t, err)
	must(t, w.Close())
	return b.String()
}
