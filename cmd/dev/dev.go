package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"
)

// What is made here, relative to the root of the sources.
const (
	work    = "tmp/dev"
	assets  = work + "/static"
	binary  = work + "/portal"
	program = work + "/dev" // this one
	textsOf = "texts-"      // begins the names of directories in work
)

// embedded is what the portal carries in itself. It is made by make, but for the
// icons, of which a changed page can name others.
const embedded = "static/dist"

// dev keeps what is served as the sources are.
type dev struct {
	root    string
	env     []string // of the portal
	owner   string   // URL of the database, to migrate
	front   *front
	pages   templates
	broken  []string // pages whose Go file could not be made
	portal  *process // the newest, which is served; nil until one could be made
	stale   bool     // the last try to replace it failed
	migrate bool     // migrations have changed since they last ran

	ending sync.WaitGroup // portals that were replaced
}

// first makes everything and serves it. What fails may be mended by a change.
func (d *dev) first(ctx context.Context) error {
	d.stale = true
	if err := forgetTexts(d.root); err != nil {
		return err
	}
	names, err := templFiles(d.root)
	if err != nil {
		return err
	}
	if err := d.generate(names); err != nil {
		return err
	}
	if _, err := d.makeAssets(ctx); err != nil {
		return err
	}
	if err := d.replace(ctx); err != nil {
		return err
	}
	d.show()
	return nil
}

// show has open pages reloaded.
func (d *dev) show() {
	if d.portal != nil {
		d.front.show(d.portal.address)
	}
}

// follow serves each change, until ctx ends or until one is to this program
// itself, which is then made again.
func (d *dev) follow(ctx context.Context, changes <-chan []string) (again bool) {
	for {
		select {
		case <-ctx.Done():
			return false
		case names := <-changes:
			since := time.Now()
			again, err := d.serve(ctx, newKinds(names))
			if ctx.Err() != nil || again {
				return again
			}
			if err != nil {
				fmt.Fprintln(os.Stderr, err)
				fmt.Println("failed; what was served before still is:", strings.Join(names, " "))
				continue
			}
			fmt.Printf("served %s after %.1f s\n", strings.Join(names, " "), time.Since(since).Seconds())
		}
	}
}

// serve brings what is served up to date with changed sources.
func (d *dev) serve(ctx context.Context, k changedKinds) (again bool, err error) {
	if k.own {
		return true, d.command(ctx, "go", "build", "-o", program, "./cmd/dev")
	}
	var styled bool
	built := make(chan error, 1)
	go func() {
		var err error
		if k.assets || len(k.pages) > 0 { // whose classes are in the CSS
			styled, err = d.makeAssets(ctx)
		}
		built <- err
	}()
	older := d.portal
	err = d.serveCode(ctx, k)
	if err == nil && (k.code || len(k.pages) > 0 || older != d.portal) {
		d.show()
	}
	if older != nil && older != d.portal {
		d.ending.Go(older.stop) // what is next need not wait for it
	}
	err = errors.Join(err, <-built)
	if styled {
		d.show()
	}
	return false, err
}

// makeAssets reports whether the browser assets are others than before.
func (d *dev) makeAssets(ctx context.Context) (changed bool, err error) {
	manifest := filepath.Join(d.root, assets, "manifest.json") // has a hash of each
	before, _ := os.ReadFile(manifest)                         // there is none at first
	if err := d.command(ctx, "node", "scripts/assets.mjs", assets); err != nil {
		return false, err
	}
	after, err := os.ReadFile(manifest)
	return !bytes.Equal(before, after), err
}

// serveCode replaces the portal, or its texts when nothing else has changed.
func (d *dev) serveCode(ctx context.Context, k changedKinds) error {
	if err := d.generate(k.pages); err != nil {
		return err
	}
	d.migrate = d.migrate || k.migrations
	if d.stale || k.code || !d.pages.sameLogic(d.portal.pages) {
		return d.replace(ctx)
	}
	return d.pages.writeTexts(d.root, d.portal.texts)
}

// generate makes the Go files of pages, and of those that could not be made
// before.
func (d *dev) generate(names []string) error {
	names, d.broken = append(names, d.broken...), nil
	var errs []error
	for _, name := range names {
		if err := d.pages.generate(d.root, name); err != nil {
			errs, d.broken = append(errs, err), append(d.broken, name)
		}
	}
	return errors.Join(errs...)
}

// replace builds the portal and starts it beside the one that is served, until
// it answers.
func (d *dev) replace(ctx context.Context) error {
	d.stale = true // until the new one answers
	if err := d.command(ctx, "node", "scripts/icons.mjs", embedded); err != nil {
		return err
	}
	// Without inlining a package takes half as long, and a change of it reaches
	// fewer others.
	if err := d.command(ctx, "go", "build", "-gcflags=doksportal/...=-l", "-ldflags=-s -w", "-o", binary, "./cmd/portal"); err != nil {
		return err
	}
	if d.migrate {
		if err := d.commandIn(ctx, append(slices.Clone(d.env), "PORTAL_DATABASE_OWNER_URL="+d.owner), filepath.Join(d.root, binary), "migrate", "up"); err != nil {
			return err
		}
		d.migrate = false
	}
	newer, err := d.start(ctx)
	if err == nil {
		d.portal, d.stale = newer, false
	}
	return err
}

// stop ends the portal, and waits for those before it.
func (d *dev) stop() {
	if d.portal != nil {
		d.portal.stop()
	}
	d.ending.Wait()
}

// command runs a program, which says itself what is wrong.
func (d *dev) command(ctx context.Context, name string, args ...string) error {
	return d.commandIn(ctx, d.env, name, args...)
}

func (d *dev) commandIn(ctx context.Context, env []string, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = d.root, env, os.Stderr, os.Stderr
	if err := cmd.Run(); err != nil {
		return fmt.Errorf("%s %s: %w", name, args[0], err)
	}
	return nil
}
