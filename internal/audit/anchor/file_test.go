package anchor_test

import (
	"bytes"
	"context"
	"encoding/base64"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"doksportal/internal/audit/anchor"
)

// TestMain is, within a child process of a test, what the child does.
func TestMain(m *testing.M) {
	path := os.Getenv("ANCHOR_TEST_FILE")
	switch os.Getenv("ANCHOR_TEST_CHILD") {
	case "full disk":
		os.Exit(fillDisk(path))
	case "append":
		first, _ := strconv.ParseInt(os.Getenv("ANCHOR_TEST_FIRST"), 10, 64)
		os.Exit(appendMany(path, first))
	}
	os.Exit(m.Run())
}

const many = 100

func appendMany(path string, first int64) int {
	a := openInChild(path)
	for i := range int64(many) {
		err := a.Publish(context.Background(), checkpoint(first+2*i))
		if err != nil && strings.Contains(err.Error(), "it has a newer one") {
			continue
		}
		if err != nil {
			println(err.Error())
			return 1
		}
		fmt.Println(first + 2*i)
	}
	return 0
}

// fillDisk publishes while a file may not grow beyond its second note, and again
// when there is room.
func fillDisk(path string) int {
	signal.Ignore(syscall.SIGXFSZ)
	a := openInChild(path)
	one := uint64(len(anchor.Record(checkpoint(1))))
	limit := syscall.Rlimit{Cur: one + one/2, Max: 1 << 30}
	check := func(err error, want string) {
		if (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			println("want", want, "got", err)
			os.Exit(1)
		}
	}
	check(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit), "")
	check(a.Publish(context.Background(), checkpoint(1)), "")
	check(a.Publish(context.Background(), checkpoint(2)), "file too large")
	check(a.Publish(context.Background(), checkpoint(2)), "file too large")
	limit.Cur = 1 << 20
	check(syscall.Setrlimit(syscall.RLIMIT_FSIZE, &limit), "")
	check(a.Publish(context.Background(), checkpoint(2)), "")
	check(a.Publish(context.Background(), checkpoint(3)), "")
	return 0
}

func openInChild(path string) anchor.Anchor {
	list, err := anchor.Open([]string{"file://" + path}, anchor.Options{Now: time.Now, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		panic(err)
	}
	return list[0]
}

func child(what, path string, more ...string) *exec.Cmd {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), append(more, "ANCHOR_TEST_CHILD="+what, "ANCHOR_TEST_FILE="+path)...)
	cmd.Stderr = os.Stderr
	return cmd
}

func TestFile(t *testing.T) {
	b := setup(t)
	path := filepath.Join(t.TempDir(), "checkpoints")
	a := b.open(t, "file://"+path)
	if a.String() != "file "+path || !a.Prompt() {
		t.Errorf("%s, prompt: %v", a, a.Prompt())
	}
	publish(t, a, 1, 2, 2)
	publish(t, b.open(t, "file://"+path), 2, 30)
	for _, address := range []string{"file://" + path, path} {
		wantNotes(t, b.reader(t, address).Checkpoints(t.Context()), 1, 2, 30)
	}
	info, err := os.Stat(path)
	must(t, err)
	if info.Mode().Perm()&^0o640 != 0 || info.Mode().Perm()&0o600 != 0o600 {
		t.Errorf("its mode is %v", info.Mode())
	}
	must(t, os.Rename(path, path+".1")) // as those do that rotate logs
	publish(t, a, 31)
	wantNotes(t, b.reader(t, path).Checkpoints(t.Context()), 31)
}

// Wherever a write ends early, and the one that mends it too, what was complete
// stays as it is and is read, what was cut off is not, and the next is complete.
func TestTornWrites(t *testing.T) {
	b := setup(t)
	path := filepath.Join(t.TempDir(), "checkpoints")
	address := "file://" + path
	for _, complete := range []string{"", anchor.Record(checkpoint(1))} {
		torn := anchor.Record(checkpoint(2))
		for cut := range len(torn) + 1 {
			before := complete + torn[:cut]
			must(t, os.WriteFile(path, []byte(before), 0o600))
			var want []int64
			if complete != "" {
				want = append(want, 1)
			}
			if cut == len(torn) {
				want = append(want, 2)
			}
			wantNotes(t, b.reader(t, address).Checkpoints(t.Context()), want...)
			publish(t, b.open(t, address), 3)
			wantNotes(t, b.reader(t, address).Checkpoints(t.Context()), append(want, 3)...)
			after, err := os.ReadFile(path)
			must(t, err)
			if !strings.HasPrefix(string(after), before) {
				t.Fatalf("cut at %d: what was there was changed", cut)
			}
			if cut != 50 {
				continue
			}
			for again := len(after) - 1; again > len(before); again -= 5 {
				must(t, os.WriteFile(path, after[:again], 0o600))
				publish(t, b.open(t, address), 4)
				wantNotes(t, b.reader(t, address).Checkpoints(t.Context()), append(want, 4)...)
			}
		}
	}
	if !strings.Contains(b.log.String(), "not written to its end") {
		t.Error("nothing is logged")
	}
}

// A file takes nothing back: no tree that is smaller, and no other one as large.
func TestFileTakesNothingBack(t *testing.T) {
	b := setup(t)
	address := "file://" + filepath.Join(t.TempDir(), "checkpoints")
	a := b.open(t, address)
	publish(t, a, 5, 9, 9)
	other := checkpoint(9)
	other.Note = strings.Replace(other.Note, strings.Split(other.Note, "\n")[2], base64.StdEncoding.EncodeToString(make([]byte, 32)), 1)
	for want, c := range map[string]anchor.Checkpoint{"a newer one, of 9 events": checkpoint(8), "another root": other} {
		if err := a.Publish(t.Context(), c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", want, err)
		}
	}
	wantNotes(t, b.reader(t, address).Checkpoints(t.Context()), 5, 9)
	wantNotes(t, b.reader(t, address).Newest(t.Context()), 9)
}

func TestFullDisk(t *testing.T) {
	b := setup(t)
	path := filepath.Join(t.TempDir(), "checkpoints")
	must(t, child("full disk", path).Run())
	wantNotes(t, b.reader(t, "file://"+path).Checkpoints(t.Context()), 1, 2, 3)
}

func TestTwoProcesses(t *testing.T) {
	b := setup(t)
	path := filepath.Join(t.TempDir(), "checkpoints")
	first, second := child("append", path, "ANCHOR_TEST_FIRST=1000"), child("append", path, "ANCHOR_TEST_FIRST=1001")
	var confirmed [2]bytes.Buffer
	first.Stdout, second.Stdout = &confirmed[0], &confirmed[1]
	must(t, first.Start())
	must(t, second.Start())
	must(t, first.Wait())
	must(t, second.Wait())
	seen := map[string]bool{}
	for note, err := range b.reader(t, "file://"+path).Checkpoints(t.Context()) {
		must(t, err)
		seen[note] = true
	}
	for _, word := range strings.Fields(confirmed[0].String() + confirmed[1].String()) {
		size, err := strconv.ParseInt(word, 10, 64)
		must(t, err)
		if !seen[checkpoint(size).Note] {
			t.Errorf("the note of %d is missing", size)
		}
		delete(seen, checkpoint(size).Note)
	}
	if len(seen) > 0 {
		t.Errorf("%d notes are there that were refused", len(seen))
	}
}

// Whoever else appends is waited for, but not for long, and nothing is written
// meanwhile.
func TestLockedFile(t *testing.T) {
	b := setup(t)
	path := filepath.Join(t.TempDir(), "checkpoints")
	other, err := os.Create(path)
	must(t, err)
	t.Cleanup(func() { _ = other.Close() })
	must(t, syscall.Flock(int(other.Fd()), syscall.LOCK_EX))
	b.options = b.options.Within(50 * time.Millisecond)
	a := b.open(t, "file://"+path)
	for range 2 {
		wantRefusal(t, a, "did not answer in time")
	}
	wantNotes(t, b.reader(t, path).Checkpoints(t.Context()))
	must(t, other.Close())
	b.options = b.options.Within(time.Minute)
	publish(t, b.open(t, "file://"+path), 8)
	wantNotes(t, b.reader(t, path).Checkpoints(t.Context()), 8)
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	b := setup(t)
	dir := t.TempDir()
	text := filepath.Join(dir, "hosts")
	must(t, os.WriteFile(text, []byte("127.0.0.1 localhost\n::1 localhost\n"), 0o600))
	must(t, os.Mkdir(filepath.Join(dir, "directory"), 0o700))
	must(t, syscall.Mkfifo(filepath.Join(dir, "pipe"), 0o600))
	must(t, os.WriteFile(filepath.Join(dir, "large"), []byte(strings.Repeat("x", 9*anchor.MaxNote)), 0o600))
	for name, words := range map[string]string{
		"hosts": "not a file of checkpoints", "large": "not a file of checkpoints", "directory": "is a directory",
		"pipe": "not a regular file", "missing/checkpoints": "no such file or directory",
	} {
		wantRefusal(t, b.open(t, "file://"+filepath.Join(dir, name)), words)
	}
	content, err := os.ReadFile(text)
	must(t, err)
	if len(content) != 34 {
		t.Errorf("another file now has %q", content)
	}
	for _, name := range []string{"missing", "large"} {
		for _, address := range []string{"file://" + filepath.Join(dir, name), filepath.Join(dir, name)} {
			for note, err := range b.reader(t, address).Checkpoints(t.Context()) {
				if err == nil {
					t.Errorf("%s has %q", address, note)
				}
			}
		}
	}
}

// A note that was changed in the file is an error, not a note that was cut off,
// and hides no other.
func TestChangedFile(t *testing.T) {
	b := setup(t)
	path := filepath.Join(t.TempDir(), "checkpoints")
	changed := strings.Replace(anchor.Record(checkpoint(2)), "\n2\n", "\n9\n", 1)
	must(t, os.WriteFile(path, []byte(anchor.Record(checkpoint(1))+changed+anchor.Record(checkpoint(3))), 0o600))
	publish(t, b.open(t, "file://"+path), 4)
	var notes, errors []string
	for note, err := range b.reader(t, "file://"+path).Checkpoints(t.Context()) {
		if err != nil {
			errors = append(errors, err.Error())
		} else {
			notes = append(notes, note)
		}
	}
	if len(errors) != 1 || !strings.Contains(errors[0], path+": lines 7 to 12 are not what was once written there") {
		t.Errorf("errors %q", errors)
	}
	if len(notes) != 3 || notes[1] != checkpoint(3).Note {
		t.Errorf("notes %q", notes)
	}
}
