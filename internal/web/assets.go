package web

import (
	"cmp"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strings"

	"github.com/gin-gonic/gin"
	"github.com/klauspost/compress/gzhttp"

	"doksportal/static"
)

// serveAssets serves files whose names change with their content, compressed as
// the browser understands it, and no directories.
func serveAssets(files fs.FS) gin.HandlerFunc {
	return func(c *gin.Context) {
		name := strings.TrimPrefix(c.Param("file"), "/")
		h := c.Writer.Header()
		if info, err := fs.Stat(files, name); err != nil || info.IsDir() {
			h.Set("Cache-Control", "no-store") // a replica of another version may have it
			http.NotFound(c.Writer, c.Request)
			return
		}
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		h.Add("Vary", "Accept-Encoding")
		for _, e := range static.Encodings {
			if _, err := fs.Stat(files, name+e.Suffix); err == nil && accepts(c.Request, e.Name) {
				h.Set("Content-Encoding", e.Name)
				h.Set("Content-Type", cmp.Or(mime.TypeByExtension(path.Ext(name)), "application/octet-stream"))
				name += e.Suffix
				break
			}
		}
		http.ServeFileFS(c.Writer, c.Request, files, name)
	}
}

// accepts reports whether a browser understands a way to compress.
func accepts(r *http.Request, encoding string) bool {
	for part := range strings.SplitSeq(r.Header.Get("Accept-Encoding"), ",") {
		name, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.TrimSpace(name) == encoding && strings.TrimSpace(quality) != "q=0" {
			return true
		}
	}
	return false
}

// compressPages has h answer with compressed pages. What is in them cannot be
// told from their length: that has something at random, and those with secrets
// are left as they are.
func compressPages(h http.Handler) (http.Handler, error) {
	wrap, err := gzhttp.NewWrapper(gzhttp.ContentTypes([]string{"text/html"}), gzhttp.RandomJitter(32, 0, false))
	if err != nil {
		return nil, err
	}
	return wrap(h), nil
}
