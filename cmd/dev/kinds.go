package main

import (
	"path/filepath"
	"strings"
)

// own are the directories of what this program runs itself.
var own = []string{"cmd/dev/", "internal/auth/devidp/", "internal/db/pgembed/", "internal/demo/", "internal/doapi/dosim/"}

// changedKinds say what has to be made again.
type changedKinds struct {
	pages      []string // .templ files
	assets     bool
	code       bool // the portal's Go, or what it embeds
	migrations bool
	own        bool // this program
}

func newKinds(names []string) (k changedKinds) {
	for _, name := range names {
		ext := filepath.Ext(name)
		switch {
		case within(name, own...):
			k.own = true
		case ext == ".templ":
			k.pages = append(k.pages, name)
		case within(name, "static/src/", "scripts/"):
			k.assets = true
		default:
			k.code = true
			k.migrations = k.migrations || ext == ".sql"
		}
	}
	return k
}

func within(name string, dirs ...string) bool {
	for _, dir := range dirs {
		if strings.HasPrefix(filepath.ToSlash(name), dir) {
			return true
		}
	}
	return false
}
