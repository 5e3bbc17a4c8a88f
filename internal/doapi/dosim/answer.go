package dosim

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
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
