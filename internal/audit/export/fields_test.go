package export_test

import (
	"bytes"
	"encoding/json"
	"os"
	"reflect"
	"strings"
	"testing"
	"time"

	"doksportal/internal/audit"
	"doksportal/internal/audit/export"
	"doksportal/internal/portal"
)

// Whoever adds a field of events adds it to the formats: a file without it would look
// as if it was all.
func TestEveryFieldIsExported(t *testing.T) {
	t.Parallel()
	base := func() audit.Entry {
		return audit.Entry{Event: portal.Event{At: time.Unix(1, 0), RecordedAt: time.Unix(1, 0), Actor: portal.Person{Identity: portal.Identity{Issuer: "i"}}}, Details: json.RawMessage(`{}`)}
	}
	var walk func(f export.Format, path []int, typ reflect.Type, name string)
	walk = func(f export.Format, path []int, typ reflect.Type, name string) {
		for i := range typ.NumField() {
			field := typ.Field(i)
			at, name := append(append([]int{}, path...), i), name+"."+field.Name
			if field.Type.Kind() == reflect.Struct && field.Type != reflect.TypeFor[time.Time]() {
				walk(f, at, field.Type, name)
				continue
			}
			if field.Name == "Data" { // Details are instead
				continue
			}
			with := base()
			set(reflect.ValueOf(&with).Elem().FieldByIndex(at))
			was, err := f.Encode(base())
			is, err2 := f.Encode(with)
			if err != nil || err2 != nil || bytes.Equal(was, is) {
				t.Errorf("%s of an event is nowhere in %s (%v, %v)", name, f.Name, err, err2)
			}
		}
	}
	for _, f := range export.Formats {
		if !f.Proven() {
			walk(f, nil, reflect.TypeFor[audit.Entry](), "")
		}
	}
}

// set gives a field a value of which there is none elsewhere.
func set(v reflect.Value) {
	switch v.Interface().(type) {
	case time.Time:
		v.Set(reflect.ValueOf(time.Unix(1700000000, 0)))
		return
	case json.RawMessage:
		v.Set(reflect.ValueOf(json.RawMessage(`{"canary":1}`)))
		return
	}
	switch v.Kind() {
	case reflect.Int, reflect.Int64:
		v.SetInt(4711)
	case reflect.Slice:
		element := reflect.New(v.Type().Elem()).Elem()
		element.SetString("canary")
		v.Set(reflect.Append(v, element))
	default:
		v.SetString("canary")
	}
}

// The documentation names each column and each format.
func TestFormatsAreDocumented(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../../docs/audit.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(text), "\n## Export\n")
	section, _, _ = strings.Cut(section, "\n## ")
	for _, name := range export.Columns() {
		if !strings.Contains(section, "`"+name+"`") {
			t.Errorf("docs/audit.md has no column %s", name)
		}
	}
	for _, f := range export.Formats {
		if !strings.Contains(section, "| `"+f.Name+"` |") {
			t.Errorf("docs/audit.md has no format %s", f.Name)
		}
	}
}
