package anchor_test

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"doksportal/internal/audit/anchor"
)

func setupStore(t *testing.T) (b *testBundle, s *store, address string) {
	b = setup(t)
	s = &store{now: b.now}
	return b, s, "s3://audit-bucket/doks/production?days=30&region=fra1&endpoint=" + b.serve(t, s).URL
}

func keyOf(c anchor.Checkpoint) string {
	sum := sha256.Sum256([]byte(c.Note))
	return fmt.Sprintf("doks/production/%020d-%x", c.Size, sum[:8])
}

func TestBucket(t *testing.T) {
	b, s, address := setupStore(t)
	a := b.open(t, address)
	if a.String() != "s3 audit-bucket/doks/production" || !a.Prompt() {
		t.Errorf("%s, prompt: %v", a, a.Prompt())
	}
	publish(t, a, 9, 10, 10, 200)
	b.advance(5 * time.Hour)
	publish(t, b.open(t, address), 9)
	if s.puts != 3 {
		t.Errorf("%d objects were put", s.puts)
	}
	v := s.versions[1]
	if v.key != keyOf(checkpoint(10)) || v.content != checkpoint(10).Note || !strings.HasPrefix(v.kind, "text/plain") ||
		v.until.Sub(b.now()).Round(24*time.Hour) != 30*24*time.Hour {
		t.Errorf("%+v", v)
	}
	wantNotes(t, b.reader(t, address).Checkpoints(t.Context()), 9, 10, 200)
}

// The newest of a bucket is found without reading all of it.
func TestNewestOfBucket(t *testing.T) {
	b, s, address := setupStore(t)
	r := b.reader(t, address)
	wantNotes(t, r.Newest(t.Context()))
	publish(t, b.open(t, address), 9)
	wantNotes(t, r.Newest(t.Context()), 9)
	publish(t, b.open(t, address), 10, 100, 101, 1_000_000)
	s.add(version{key: "doks/production/readme", content: "hello"})
	wantNotes(t, r.Newest(t.Context()), 1_000_000)
	s.unread = true
	for _, err := range r.Newest(t.Context()) {
		if !errors.Is(err, fs.ErrPermission) {
			t.Errorf("where it may not be read: %v", err)
		}
	}
}

// A checkpoint is kept for ten years unless the address says otherwise.
func TestBucketKeepsForYears(t *testing.T) {
	b, s, address := setupStore(t)
	publish(t, b.open(t, strings.Replace(address, "days=30&", "", 1)), 1)
	if days := s.versions[0].until.Sub(b.now()).Hours() / 24; days < 3649 || days > 3650 {
		t.Errorf("it is kept for %f days", days)
	}
}

// Neither deleting nor overwriting, which a bucket of versions allows, takes
// a checkpoint away.
func TestBucketHidesNothing(t *testing.T) {
	b, s, address := setupStore(t)
	a := b.open(t, address)
	publish(t, a, 1, 2, 3)
	u := strings.SplitAfter(address, "endpoint=https://")[1]
	client, err := minio.New(u, &minio.Options{Creds: credentials.NewStaticV4(s3Key, s3Secret, ""), Secure: true, Region: "fra1", Transport: transport(b)})
	must(t, err)
	must(t, client.RemoveObject(t.Context(), "audit-bucket", keyOf(checkpoint(1)), minio.RemoveObjectOptions{}))
	err = client.RemoveObject(t.Context(), "audit-bucket", keyOf(checkpoint(1)), minio.RemoveObjectOptions{VersionID: "version-1"})
	if err == nil {
		t.Fatal("a version was deleted")
	}
	s.add(version{key: keyOf(checkpoint(2)), content: checkpoint(5).Note, mode: "COMPLIANCE", until: b.now().Add(24 * 365 * time.Hour)})
	s.add(version{key: keyOf(checkpoint(3)), content: checkpoint(3).Note, mode: "GOVERNANCE", until: b.now().Add(24 * 365 * time.Hour)})
	wantNotes(t, b.reader(t, address).Checkpoints(t.Context()), 1, 5, 2, 3, 3)
	publish(t, a, 1, 2, 3)
	for i, v := range s.versions[len(s.versions)-3:] {
		if want := checkpoint(int64(i + 1)); v.content != want.Note || v.mode != "COMPLIANCE" {
			t.Errorf("after publishing anew, the newest is %+v", v)
		}
	}
	// too large for a checkpoint, and put among them by somebody else
	s.add(version{key: "doks/production/x", content: strings.Repeat("x", anchor.MaxNote+1)})
	s.add(version{key: "doks/production/y", content: checkpoint(9).Note})
	found, failed := "", 0
	for note, err := range b.reader(t, address).Checkpoints(t.Context()) {
		if found = note; err != nil {
			failed++
		}
	}
	if failed != 1 || found != checkpoint(9).Note {
		t.Errorf("%d errors, and at last %q", failed, found)
	}
}

func transport(b *testBundle) http.RoundTripper {
	config := b.tls.Clone()
	config.RootCAs = b.options.Roots
	return &http.Transport{TLSClientConfig: config}
}

// Without object lock a bucket proves nothing, so nothing is put there.
func TestBucketWithoutLock(t *testing.T) {
	b, s, address := setupStore(t)
	a := b.open(t, address)
	for _, s.lock = range []string{"ObjectLockConfigurationNotFoundError", "NotImplemented", "Disabled"} {
		wantRefusal(t, a, "the bucket has no object lock")
	}
	if s.puts != 0 {
		t.Error("something was put")
	}
	s.lock = ""
	publish(t, a, 1)
}

// A key that may only write is enough to publish.
func TestBucketThatMayNotBeRead(t *testing.T) {
	b, s, address := setupStore(t)
	s.unread = true
	publish(t, b.open(t, address), 1, 1, 2)
	if s.puts != 3 {
		t.Errorf("%d objects were put", s.puts)
	}
}

// What a bucket answers is repeated in one line without keys.
func TestBucketRefuses(t *testing.T) {
	b, s, address := setupStore(t)
	s.broken = "No access\nfor " + s3Key + " with " + s3Secret + "\u202e[1m."
	wantRefusal(t, b.open(t, address), "it answered AccessDenied: No access for … with … [1m")
	wantRefusal(t, b.open(t, strings.Replace(address, "audit-bucket", "other-bucket", 1)), "AccessDenied")
	s.broken = ""
	wantRefusal(t, b.open(t, strings.Replace(address, "audit-bucket", "other-bucket", 1)), "NoSuchBucket")
	s.broken = s3Secret
	for _, err := range b.reader(t, address).Checkpoints(t.Context()) {
		if err == nil || !strings.Contains(err.Error(), "s3 audit-bucket/doks/production") || strings.Contains(err.Error(), "canary") {
			t.Errorf("reading: %v", err)
		}
	}
}
