package portal_test

import (
	"reflect"
	"strings"
	"testing"
	"time"

	"doksportal/internal/portal"
)

// Whatever term of a verdict changes, people are told that it does.
func TestEveryTermThatChangesIsTold(t *testing.T) {
	t.Parallel()
	before := portal.Verdict{Decision: portal.Approve}
	for i := range reflect.TypeFor[portal.Terms]().NumField() {
		now := before
		switch v := reflect.ValueOf(&now.Terms).Elem().Field(i); v.Kind() {
		case reflect.Int64:
			v.SetInt(int64(time.Hour))
		case reflect.Bool:
			v.SetBool(true)
		case reflect.Slice:
			v.Set(reflect.ValueOf([]portal.Window{{Days: []time.Weekday{time.Monday}, From: "09:00", To: "17:00", Zone: "UTC"}}))
		default:
			t.Fatalf("this test does not know how to change %s", reflect.TypeFor[portal.Terms]().Field(i).Name)
		}
		if got := now.Differs(before); strings.Contains(got, "another rule") {
			t.Errorf("%s: %q", reflect.TypeFor[portal.Terms]().Field(i).Name, got)
		}
	}
}
