package anchor

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"doksportal/internal/audit/remote"
)

// file keeps checkpoints one after the other. It is opened for each, so that it
// may be moved away, and only ever appended to, so that its directory or the file
// can be made append-only.
type file struct {
	path string
	log  *slog.Logger
	// turn is held by whoever writes: a disk that hangs takes one goroutine, not
	// one for each attempt.
	turn chan struct{}
	// doubt is there after a write or sync that failed: the system may then show
	// what it has not kept. Only who has the turn touches these.
	doubt bool
	named bool // the directory is known to have the file's name on the disk
}

func openFile(u *url.URL, o Options) (*file, error) {
	if _, err := remote.Settings(u); err != nil {
		return nil, err
	}
	if u.Opaque != "" || strings.HasSuffix(u.Path, "/") || filepath.Clean(u.Path) != u.Path {
		return nil, errors.New("write the whole path of a file, like file:///var/lib/portal/checkpoints")
	}
	return &file{path: u.Path, log: o.Log, turn: make(chan struct{}, 1)}, nil
}

func (f *file) String() string { return "file " + f.path }

// publish hands the writing to a goroutine of its own, since no system call on
// files ends for a deadline.
func (f *file) publish(ctx context.Context, c Checkpoint) error {
	select {
	case f.turn <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	done := make(chan error, 1)
	go func() {
		defer func() { <-f.turn }()
		err := f.append(ctx, c)
		f.doubt = err != nil
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (f *file) append(ctx context.Context, c Checkpoint) (err error) {
	to, err := os.OpenFile(f.path, os.O_RDWR|os.O_APPEND|os.O_CREATE|syscall.O_NONBLOCK, 0o640)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, to.Close()) }()
	if err := lock(ctx, to); err != nil {
		return err
	}
	newest, rest, err := tail(to)
	if err != nil {
		return err
	}
	if err := follows(newest, c); err != nil {
		return err
	}
	text := record(c)
	if rest {
		f.log.Warn("a checkpoint was not written to its end; it is left as it is, and marked", "anchor", f.String())
		text = mend + text
	}
	if newest != c.Note || rest || f.doubt {
		if _, err := to.WriteString(text); err != nil {
			return err
		}
	}
	if err := to.Sync(); err != nil || f.named {
		return err
	}
	err = syncDirectory(filepath.Dir(f.path))
	f.named = err == nil
	return err
}

// follows makes sure that a checkpoint does not take back what the newest of the file
// says.
func follows(newest string, c Checkpoint) error {
	was, is := strings.SplitN(newest, "\n", 4), strings.SplitN(c.Note, "\n", 4)
	if len(was) < 4 || len(is) < 4 {
		return nil
	}
	size, err := strconv.ParseInt(was[1], 10, 64)
	switch {
	case err != nil:
		return errNotRecords
	case size > c.Size:
		return fmt.Errorf("it has a newer one, of %d events; if the database was restored from a backup, keep this file and name another one", size)
	case size == c.Size && was[2] != is[2]:
		return errors.New("it has one of as many events with another root: one of the two is of a trail that was changed")
	}
	return nil
}

// lock waits for other processes that append. It ends when the file is closed.
func lock(ctx context.Context, f *os.File) error {
	info, err := f.Stat()
	if err != nil {
		return err
	}
	if !info.Mode().IsRegular() {
		return errors.New("this is not a regular file")
	}
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX)
		if !errors.Is(err, syscall.EINTR) {
			return errors.Join(err, ctx.Err())
		}
	}
}

// tail reads the end of a file: the newest note, and whether there is a rest of
// one after it. A file of something else is refused.
func tail(f *os.File) (newest string, rest bool, err error) {
	info, err := f.Stat()
	if err != nil {
		return "", false, err
	}
	const window = 4 * maxNote
	start := max(0, info.Size()-window)
	end, err := io.ReadAll(io.NewSectionReader(f, start, info.Size()-start))
	if err != nil {
		return "", false, err
	}
	rest = readRecords(bytes.NewReader(end), func(note string, err error) bool {
		if err == nil { // what is broken hides nothing that comes before it
			newest = note
		}
		return true
	})
	if lines := strings.SplitN(string(end), "\n", 3); rest && !strings.Contains("\n"+string(end), "\n"+marker) &&
		(start > 0 || len(lines) == 3 && !treeSize.MatchString(lines[1])) {
		return "", false, errNotRecords
	}
	return newest, rest, nil
}

func syncDirectory(path string) error {
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Checkpoints reads the file as it is now.
func (f *file) Checkpoints(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		from, err := os.Open(f.path)
		if err != nil {
			yield("", err)
			return
		}
		defer func() { _ = from.Close() }()
		readRecords(from, func(note string, err error) bool {
			if err != nil {
				err = fmt.Errorf("%s: %w", f, err)
			}
			return yield(note, errors.Join(err, ctx.Err())) && ctx.Err() == nil
		})
	}
}

// Newest reads the end of the file.
func (f *file) Newest(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		from, err := os.Open(f.path)
		if err != nil {
			yield("", err)
			return
		}
		defer func() { _ = from.Close() }()
		if note, _, err := tail(from); note != "" || err != nil {
			yield(note, errors.Join(err, ctx.Err()))
		}
	}
}
