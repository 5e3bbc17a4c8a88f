package portal

import (
	"errors"
	"fmt"
	"path"
	"runtime"
	"strconv"
	"strings"
)

// Kind sorts errors by what their reader can do about them.
type Kind int

// The kinds. Web maps each to one HTTP status.
const (
	KindUnknown      Kind = iota // a fault of ours; the reader sees a request id only
	KindInvalid                  // the input is wrong, see Error.Fields
	KindUnauthorized             // not signed in
	KindForbidden                // signed in, not allowed
	KindNotFound                 // does not exist, or is not the reader's to see
	KindConflict                 // the thing changed meanwhile or is in the wrong state
	KindUnavailable              // a part the portal depends on is not responding
	KindStepUp                   // the reader has to sign in afresh first
	KindDenied                   // the policy does not allow it, whoever asks
	KindLimited                  // the reader has asked too much in too short a time
	KindTooLarge                 // what the reader sent is too large
)

// FieldError is a fault of one field of a form.
type FieldError struct {
	Field   string // name of the form field, e.g. "pools[0].count"
	Message string // a sentence for the person who filled it in
}

// FieldErrors are the faults of a form, in the order of its fields.
type FieldErrors []FieldError

// maxFieldErrors is how many faults a person is told at once.
const maxFieldErrors = 50

// Add notes a fault of a field, in a sentence for the person who filled it in.
func (f *FieldErrors) Add(field, format string, args ...any) {
	if len(*f) < maxFieldErrors {
		*f = append(*f, FieldError{Field: field, Message: fmt.Sprintf(format, args...)})
	}
}

// Err is a KindInvalid error of the faults, nil when there are none.
func (f FieldErrors) Err() error {
	if len(f) == 0 {
		return nil
	}
	return Invalid(f...)
}

// Error is an error with a kind and a message for people.
type Error struct {
	Kind    Kind
	Message string
	Fields  FieldErrors
	Hidden  bool   // KindNotFound, though it exists: the reader may not see it
	Err     error  // the cause, for logs only
	Site    string // where it was made, for logs only
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Message)
	for _, f := range e.Fields {
		b.WriteString("; " + f.Field + ": " + f.Message)
	}
	if e.Err != nil {
		b.WriteString(": " + e.Err.Error())
	}
	return b.String()
}

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// E makes an error of a kind with a message for people and an optional cause.
func E(kind Kind, message string, cause ...error) *Error {
	return &Error{Kind: kind, Message: message, Err: errors.Join(cause...), Site: Site(1)}
}

// Hidden makes an error of KindNotFound for something that the reader may not see.
// They are told no more than of what does not exist, and the trail has that they
// tried.
func Hidden(message string) *Error {
	return &Error{Kind: KindNotFound, Message: message, Hidden: true, Site: Site(1)}
}

// IsHidden reports whether err is of something that the reader may not see.
func IsHidden(err error) bool {
	e, ok := errors.AsType[*Error](err)
	return ok && e.Hidden
}

// Invalid makes an error that names the faulty fields.
func Invalid(fields ...FieldError) *Error {
	return &Error{Kind: KindInvalid, Message: "some fields need to be corrected", Fields: fields, Site: Site(1)}
}

// KindOf returns the kind of err, KindUnknown when it has none.
func KindOf(err error) Kind {
	var e *Error
	if errors.As(err, &e) {
		return e.Kind
	}
	return KindUnknown
}

// Is reports whether err is an error of that kind.
func Is(err error, kind Kind) bool { return err != nil && KindOf(err) == kind }

// Site names the function that calls, or the one so many calls above it, and
// its line, like "store.TeamUsage (teams.go:93)". Operators read it in logs.
func Site(above int) string {
	pc := make([]uintptr, 1)
	runtime.Callers(above+2, pc)
	frame, _ := runtime.CallersFrames(pc).Next()
	return path.Base(frame.Function) + " (" + path.Base(frame.File) + ":" + strconv.Itoa(frame.Line) + ")"
}

// SiteOf says where err was made, empty when that is not known.
func SiteOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Site
	}
	return ""
}

// FieldErrorsOf returns the faulty fields that err names, nil when it names none.
func FieldErrorsOf(err error) FieldErrors {
	var e *Error
	if errors.As(err, &e) {
		return e.Fields
	}
	return nil
}
