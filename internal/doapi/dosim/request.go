package dosim

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strconv"
)

const maxBody = 1 << 20 // bytes of a request

// buffer reads a request's body whole. net/http notices that a client has gone
// only once that is done.
func buffer(w http.ResponseWriter, r *http.Request) error {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return badRequest("The request body cannot be read.")
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	return nil
}

// decode reads a request's body. One that is empty says nothing.
func decode(r *http.Request, into any) error {
	err := json.NewDecoder(r.Body).Decode(into)
	if err != nil && !errors.Is(err, io.EOF) {
		return badRequest("The request body is not valid JSON of the expected form.")
	}
	return nil
}

// list is a list of a request that may be absent, which is not the same as
// empty. Some clients send null for an empty one.
type list[T any] struct {
	given bool
	items []T
}

// UnmarshalJSON reads a list or null.
func (l *list[T]) UnmarshalJSON(b []byte) error {
	l.given = true
	return json.Unmarshal(b, &l.items)
}

// intParam reads a number of the query; -1 stands for what is none.
func intParam(r *http.Request, name string, def int) int {
	raw := r.URL.Query().Get(name)
	if raw == "" {
		return def
	}
	n, err := strconv.Atoi(raw)
	if err != nil {
		return -1
	}
	return n
}

// flag reports whether a parameter of the query is set. Clients send 1 or true.
func flag(r *http.Request, name string) bool {
	value := r.URL.Query().Get(name)
	return value == "1" || value == "true"
}
