package dosim

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
)

const requestIDHeader = "x-request-id"

// object is a JSON object of an answer.
type object = map[string]any

// document is an answer that is YAML.
type document string

// refusal is the API's no. Nothing has been changed.
type refusal struct {
	status  int
	id      string
	message string
}

func (r *refusal) Error() string { return r.message }

func refused(status int, id, message string) error {
	return &refusal{status: status, id: id, message: message}
}

func unprocessable(format string, args ...any) error {
	return refused(http.StatusUnprocessableEntity, "unprocessable_entity", fmt.Sprintf(format, args...))
}

// invalid refuses a value of a request. Source: the words of public reports.
func invalid(format string, args ...any) error {
	return unprocessable("validation error: "+format, args...)
}

func notFound(message string) error {
	return refused(http.StatusNotFound, "not_found", message)
}

func badRequest(message string) error {
	return refused(http.StatusBadRequest, "bad_request", message)
}

// answer is what the API says to a request.
type answer struct {
	status      int
	contentType string
	body        []byte // nil for none
}

// answerTo puts what a handler returns into the form of an answer.
func answerTo(requestID string, status int, body any, err error) answer {
	if err != nil {
		status, body = refusalBody(requestID, err)
	}
	switch body := body.(type) {
	case nil:
		return answer{status: status}
	case document:
		return answer{status: status, contentType: "application/yaml", body: []byte(body)}
	}
	encoded, err := json.Marshal(body)
	if err != nil {
		panic(err) // the answers are made of plain values
	}
	return answer{status: status, contentType: "application/json; charset=utf-8", body: encoded}
}

func refusalBody(requestID string, err error) (int, object) {
	no := &refusal{status: http.StatusInternalServerError, id: "server_error", message: "Unexpected server-side error"}
	errors.As(err, &no)
	return no.status, object{"id": no.id, "message": no.message, "request_id": requestID}
}

func (a answer) write(w http.ResponseWriter) {
	if a.contentType != "" {
		w.Header().Set("Content-Type", a.contentType)
	}
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may be gone
}

func refuse(w http.ResponseWriter, err error) {
	answerTo(w.Header().Get(requestIDHeader), 0, nil, err).write(w)
}

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

// paged answers with a page of a list, its links and its total. Source: API
// reference, "Links & Pagination".
func paged[T any](r *http.Request, key string, all []T, show func(T) any) (any, error) {
	page, perPage := intParam(r, "page", 1), intParam(r, "per_page", 20)
	if page < 1 || perPage < 1 || perPage > 200 {
		return nil, badRequest("page or per_page is out of range")
	}
	last := max(1, (len(all)+perPage-1)/perPage)
	from := len(all)
	if page <= last {
		from = (page - 1) * perPage
	}
	items := []any{}
	for _, item := range all[from:min(len(all), from+perPage)] {
		items = append(items, show(item))
	}
	return object{
		key:     items,
		"links": object{"pages": pageLinks(r.URL.Path, page, perPage, last)},
		"meta":  object{"total": len(all)},
	}, nil
}

func pageLinks(path string, page, perPage, last int) object {
	links := object{}
	link := func(name string, to int) {
		u := url.URL{Scheme: "https", Host: "api.digitalocean.com", Path: path,
			RawQuery: url.Values{"page": {strconv.Itoa(to)}, "per_page": {strconv.Itoa(perPage)}}.Encode()}
		links[name] = u.String()
	}
	if page > 1 {
		link("first", 1)
		link("prev", page-1)
	}
	if page < last {
		link("next", page+1)
		link("last", last)
	}
	return links
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

func notNil[T any](items []T) []T {
	if items == nil {
		return []T{}
	}
	return items
}
