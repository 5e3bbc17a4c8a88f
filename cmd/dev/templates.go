package main

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"go/format"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/a-h/templ"
	"github.com/a-h/templ/generator"
	"github.com/a-h/templ/parser/v2"
	"github.com/a-h/templ/runtime"
)

// template is what was made of a .templ file.
type template struct {
	logic [sha256.Size]byte // of its Go code but for the texts
	texts []string          // as they are written in Go
}

// templates are those of all pages, by file.
type templates map[string]template

// templFiles are the sources of all pages, relative to root.
func templFiles(root string) (names []string, err error) {
	err = filepath.WalkDir(filepath.Join(root, "views"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || filepath.Ext(path) != ".templ" {
			return err
		}
		name, err := filepath.Rel(root, path)
		names = append(names, name)
		return err
	})
	return names, err
}

// generate makes the Go file of a page, as `templ generate` does, unless it is
// as it should be. A file that is gone takes its Go file with it.
func (t templates) generate(root, name string) error {
	path := filepath.Join(root, name)
	target := strings.TrimSuffix(path, ".templ") + "_templ.go"
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		delete(t, name)
		return os.RemoveAll(target)
	}
	parsed, err := parser.Parse(path)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	var b bytes.Buffer
	output, err := generator.Generate(parsed, &b, generator.WithVersion(templ.Version()), generator.WithFileName(filepath.ToSlash(name)))
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	code, err := format.Source(b.Bytes())
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	t[name] = template{logic: sha256.Sum256(texts.ReplaceAll(code, []byte("$1"))), texts: output.Literals}
	if old, err := os.ReadFile(target); err == nil && bytes.Equal(old, code) {
		return nil
	}
	return os.WriteFile(target, code, 0o644)
}

// texts are the parts of generated code that can change while a portal runs:
// what it writes as it stands, and the places that errors name.
var texts = regexp.MustCompile(`(WriteString\(templ_7745c5c3_Buffer, \d+, )"(?:[^"\\]|\\.)*"|Line: \d+, Col: \d+`)

// sameLogic reports whether the two differ in texts alone.
func (t templates) sameLogic(other templates) bool {
	return maps.EqualFunc(t, other, func(a, b template) bool { return a.logic == b.logic })
}

// writeTexts puts the texts where a portal finds them that runs with
// TEMPL_DEV_MODE_ROOT=dir.
func (t templates) writeTexts(root, dir string) error {
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	for name, page := range t {
		file := filepath.Base(runtime.GetDevModeTextFileName(filepath.Join(root, name)))
		if err := os.WriteFile(filepath.Join(dir, file), []byte(strings.Join(page.texts, "\n")), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// forgetTexts removes what portals have left that were killed.
func forgetTexts(root string) error {
	left, err := filepath.Glob(filepath.Join(root, work, textsOf+"*"))
	for _, dir := range left {
		err = errors.Join(err, os.RemoveAll(dir))
	}
	return err
}
