package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/jackc/pgx/v5/pgxpool"

	"doksportal/internal/audit"
	"doksportal/internal/audit/anchor"
	"doksportal/internal/config"
	"doksportal/internal/db"
	"doksportal/internal/names"
)

type auditCmd struct {
	Verify  auditVerifyCmd  `cmd:"" help:"Recompute the audit trail and hold it against every checkpoint."`
	Export  auditExportCmd  `cmd:"" help:"Write events with their proofs into a file, for somebody who has no portal."`
	Archive auditArchiveCmd `cmd:"" help:"Write the events of an old month into a file and remove them from the database."`
	Key     auditKeyCmd     `cmd:"" help:"Make a key that signs checkpoints, or show the public half of one."`
}

type auditVerifyCmd struct {
	Key     []string `placeholder:"PUBLIC-KEY" help:"A key that checkpoints were signed with; by default the public half of PORTAL_AUDIT_KEY."`
	Anchor  []string `placeholder:"ADDRESS" help:"Hold the trail against what an anchor has: file:///path, s3://bucket/prefix?…, or a file with saved checkpoints."`
	Archive []string `placeholder:"FILE" help:"Verify the archive of a month with the trail, too."`
	Bundle  string   `placeholder:"FILE" help:"Verify a file that portal audit export has written, without a database."`
}

// errFound says that something is wrong with a trail: exit status 1. Other errors
// say that nobody could look: 2.
var errFound = errors.New("the trail is not what was signed")

// exitStatus is what the program ends with after an error.
func exitStatus(command string, err error) int {
	if strings.HasPrefix(command, "audit verify") && !errors.Is(err, errFound) {
		return 2
	}
	return 1
}

// Run verifies, and says what is wrong.
func (c auditVerifyCmd) Run(ctx context.Context, k *kong.Context) (err error) {
	o := audit.VerifyOptions{Keys: c.Key, Now: time.Now()}
	if len(o.Keys) == 0 {
		key, err := auditKey()
		if err != nil {
			return fmt.Errorf("%w; give the public key with --key", err)
		}
		o.Keys = []string{key.Public}
	}
	if c.Bundle != "" && len(c.Anchor)+len(c.Archive) > 0 {
		return errors.New("a bundle has its own checkpoint; leave out --anchor and --archive")
	}
	if c.Bundle != "" {
		return c.verifyBundle(k.Stdout, o.Keys)
	}
	if o.Anchors, err = anchorNotes(ctx, c.Anchor); err != nil {
		return err
	}
	for _, name := range c.Archive {
		o.Archives = append(o.Archives, audit.ArchiveFile{Name: name, Open: func() (io.ReadCloser, error) { return os.Open(name) }})
	}
	pool, err := openDatabase(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	report, err := audit.Verify(ctx, pool, o)
	if err != nil {
		return err
	}
	return printReport(k.Stdout, report)
}

// anchorNotes opens what is to be read of anchors, with the credentials of the
// environment.
func anchorNotes(ctx context.Context, addresses []string) ([]audit.AnchorNotes, error) {
	var list []audit.AnchorNotes
	for _, address := range addresses {
		reader, err := anchor.OpenReader(address, anchorOptions(os.Getenv("PORTAL_AUDIT_S3_KEY"), config.Secret(os.Getenv("PORTAL_AUDIT_S3_SECRET")), ""))
		if err != nil {
			return nil, fmt.Errorf("--anchor %w", err)
		}
		list = append(list, audit.AnchorNotes{Name: reader.String(), Live: strings.Contains(address, "://"), Notes: reader.Checkpoints(ctx)})
	}
	return list, nil
}

// auditKey is the key of the environment.
func auditKey() (audit.Signer, error) {
	private, err := config.AuditKey(os.Environ())
	if err != nil {
		return audit.Signer{}, err
	}
	key, err := audit.ParseKey(private.Reveal())
	if err != nil {
		return key, fmt.Errorf("PORTAL_AUDIT_KEY: %w", err)
	}
	return key, nil
}

// openDatabase opens that of the environment.
func openDatabase(ctx context.Context, options ...func(*pgxpool.Config)) (*pgxpool.Pool, error) {
	url, _, err := config.DatabaseURLs(os.Environ())
	if err != nil {
		return nil, err
	}
	return db.Open(ctx, url.Reveal(), options...)
}

func (c auditVerifyCmd) verifyBundle(w io.Writer, keys []string) error {
	file, err := os.Open(c.Bundle)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	r, err := audit.VerifyBundle(file, keys)
	if err != nil {
		return fmt.Errorf("%s: %w", c.Bundle, err)
	}
	for _, f := range r.Faults {
		fmt.Fprintf(w, "wrong: %s: %s\n", names.Shown(f.Where), names.Shown(f.What))
	}
	if !r.OK() {
		return errFound
	}
	fmt.Fprintf(w, "%d events, with numbers from %d to %d; %d numbers between them are not in the file\n", r.Events, r.First, r.Last, r.Gaps)
	switch {
	case r.Filter != "" && r.Signed:
		fmt.Fprintf(w, "selected by %s: the trail has others\n", names.Shown(r.Filter))
	case r.Filter != "":
		fmt.Fprintf(w, "selected by %s, as it says and nobody has signed\n", names.Shown(r.Filter))
	}
	whole := "they are all that were exported, as the portal has signed"
	if !r.Signed {
		whole = "nobody has signed how many were exported, so that some may have been taken out since"
	}
	fmt.Fprintf(w, "ok: each is on the trail that was signed, as it was recorded; %s\n", whole)
	return nil
}

// printReport says what was verified and what is wrong, one fault a line.
func printReport(w io.Writer, r audit.Report) error {
	for _, f := range r.Faults {
		fmt.Fprintf(w, "wrong: %s: %s\n", names.Shown(f.Where), names.Shown(f.What))
	}
	if r.More > 0 {
		fmt.Fprintf(w, "wrong: %d more\n", r.More)
	}
	fmt.Fprintf(w, "%d events, of which %d under %d checkpoints", r.Events, r.Covered, r.Checkpoints)
	for _, part := range []struct {
		count int64
		text  string
	}{{int64(r.AnchorCheckpoints()), "checkpoints of anchors"}, {r.Archived, "archived"}, {r.Told, "told of later"}, {r.Waiting, "waiting for a number"}} {
		if part.count > 0 {
			fmt.Fprintf(w, ", %d %s", part.count, part.text)
		}
	}
	fmt.Fprintln(w)
	for _, a := range r.Anchored {
		fmt.Fprintf(w, "%s: %s\n", a.Name, far(a.Size, r.Covered))
	}
	if !r.OK() {
		return errFound
	}
	if left := r.Archived - r.Looked; left > 0 {
		fmt.Fprintf(w, "ok: nothing was changed, removed or put in; but %d events were archived and not looked at: give their files with --archive\n", left)
		return nil
	}
	fmt.Fprintln(w, "ok: nothing was changed, removed or put in")
	return nil
}

// far says how far an anchor has the trail.
func far(size, covered int64) string {
	switch {
	case size == 0:
		return "no checkpoint"
	case size < covered:
		return fmt.Sprintf("its newest checkpoint is of %d events, %d fewer than the trail's", size, covered-size)
	}
	return fmt.Sprintf("its newest checkpoint is of %d events, no fewer than the trail's", size)
}

type auditKeyCmd struct {
	Name   string `arg:"" optional:"" help:"Name of the trail for a new key, like portal.example.com/audit."`
	Public bool   `help:"Show the public half of PORTAL_AUDIT_KEY."`
}

// Run prints a key.
func (c auditKeyCmd) Run(k *kong.Context) error {
	if c.Public {
		key, err := auditKey()
		if err != nil {
			return err
		}
		fmt.Fprintln(k.Stdout, key.Public)
		return nil
	}
	if c.Name == "" {
		return errors.New("give the trail a name, like portal.example.com/audit")
	}
	key, err := audit.NewKey(c.Name)
	if err != nil {
		return err
	}
	fmt.Fprintln(k.Stdout, key)
	return nil
}
