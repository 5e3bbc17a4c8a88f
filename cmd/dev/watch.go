package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/fsnotify/fsnotify"
)

// sources are the directories of what the portal is made of.
var sources = []string{"cmd", "internal", "migrations", "scripts", "static/src", "views"}

// quiet is how long nothing has to be saved before what was saved is looked at:
// an editor writes a file in several steps, git many files.
const quiet = 50 * time.Millisecond

// watch reports which files of the sources have changed, relative to root, those
// that belong together at once, until ctx ends.
func watch(ctx context.Context, root string) (<-chan []string, error) {
	w, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, fmt.Errorf("watch the sources: %w", err)
	}
	for _, dir := range sources {
		if err := add(w, filepath.Join(root, dir)); err != nil {
			return nil, errors.Join(fmt.Errorf("watch the sources: %w", err), w.Close())
		}
	}
	changes := make(chan []string)
	go func() {
		gather(ctx, w, root, changes)
		_ = w.Close() // the program ends
	}()
	return changes, nil
}

// add watches dir and all below it.
func add(w *fsnotify.Watcher, dir string) error {
	return filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.IsDir() {
			return err
		}
		return w.Add(path)
	})
}

func gather(ctx context.Context, w *fsnotify.Watcher, root string, changes chan<- []string) {
	var names []string
	var out chan<- []string // nil until there is something to tell
	still := time.NewTimer(quiet)
	for {
		select {
		case <-ctx.Done():
			return
		case err := <-w.Errors:
			fmt.Fprintln(os.Stderr, "dev: watch the sources:", err)
		case event := <-w.Events:
			name := changed(w, root, event)
			if name == "" {
				continue
			}
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
			out = nil
			still.Reset(quiet)
		case <-still.C:
			if len(names) > 0 {
				out = changes
			}
		case out <- names:
			names, out = nil, nil
		}
	}
}

// changed is the file that an event tells of, empty when it is of no account.
func changed(w *fsnotify.Watcher, root string, event fsnotify.Event) string {
	name, err := filepath.Rel(root, event.Name)
	if err != nil || event.Op == fsnotify.Chmod {
		return ""
	}
	if info, err := os.Stat(event.Name); err == nil && info.IsDir() {
		if err := add(w, event.Name); err != nil {
			fmt.Fprintln(os.Stderr, "dev: watch the sources:", err)
		}
		return ""
	}
	if strings.HasSuffix(name, "_templ.go") || strings.HasSuffix(name, "_test.go") || !slices.Contains(kinds, filepath.Ext(name)) {
		return "" // made here, or not part of the program
	}
	return name
}

// kinds are those of files that the program is made of.
var kinds = []string{".css", ".go", ".html", ".js", ".mjs", ".sql", ".templ", ".yaml"}
