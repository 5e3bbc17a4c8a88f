// Package static holds the built CSS and JavaScript, which web serves, and the
// icons of its pages. Their sources are in static/src and in the set of icons;
// `make build` makes static/dist of them, which is part of the program and not kept
// in the repository.
package static

import (
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
)

//go:embed all:dist
var dist embed.FS

// Encodings are the ways in which each file is kept compressed, the best first:
// the name that HTTP has for it and what follows the file's name.
var Encodings = []struct{ Name, Suffix string }{{"br", ".br"}, {"gzip", ".gz"}}

// Required are the files that the pages need.
var Required = []string{"app.css", "app.js", "editor.js", "htmx.js", "logo.svg"}

// Dist returns the built files and the names that they have: the name of each
// carries a hash of its content, so that it can be cached for ever.
func Dist() (files fs.FS, names map[string]string, err error) {
	files, err = fs.Sub(dist, "dist")
	if err != nil {
		return nil, nil, err
	}
	if err := decode("manifest.json", &names); err != nil {
		return nil, nil, err
	}
	for _, name := range Required {
		for _, suffix := range []string{"", ".br", ".gz"} {
			if _, err := fs.Stat(files, names[name]+suffix); names[name] == "" || err != nil {
				return nil, nil, fmt.Errorf("the browser asset %s%s is missing: run `make build`", name, suffix)
			}
		}
	}
	return files, names, nil
}

// Icons returns the drawing of each icon that the pages name: what is inside its
// <svg>, of 24 by 24.
func Icons() (map[string]string, error) {
	var icons struct {
		Drawings map[string]string `json:"drawings"`
	}
	err := decode("icons.json", &icons)
	return icons.Drawings, err
}

func decode(name string, into any) error {
	content, err := dist.ReadFile("dist/" + name)
	if errors.Is(err, fs.ErrNotExist) {
		return errors.New("this program was built without its browser assets: run `make build`")
	}
	if err != nil {
		return err
	}
	if err := json.Unmarshal(content, into); err != nil {
		return fmt.Errorf("browser assets: %s: %w", name, err)
	}
	return nil
}
