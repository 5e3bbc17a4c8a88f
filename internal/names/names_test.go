package names_test

import (
	"strconv"
	"strings"
	"testing"

	"doksportal/internal/names"
)

func TestCheck(t *testing.T) {
	t.Parallel()
	for typed, want := range map[string]string{
		"payments": "payments", "  Payments   EU ": "Payments EU", "Zahlungen für Österreich": "Zahlungen für Österreich", "支払いチーム": "支払いチーム",
		"платежи": "платежи", "team 7 😀": "team 7 😀", "cafe\u0301": "café", strings.Repeat("x", 60): strings.Repeat("x", 60),
	} {
		if got, problem := names.Check(typed, 60); got != want || problem != "" {
			t.Errorf("%q: %q, %q", typed, got, problem)
		}
	}
	for typed, says := range map[string]string{
		"payments\u202edorp": "U+202E", "pay\u200bments": "U+200B", "раyments": "mixes Cyrillic and Latin", "payments\n\npayments": "one line",
		"pay\tments": "one line", "😀": "at least one letter", "": "at least one letter", strings.Repeat("x", 61): "61 characters", "a\x00b": "U+0000",
		"a\u2028b": "U+2028", "a\u3164b": "U+3164", "a\ufe0fb": "U+FE0F",
	} {
		if got, problem := names.Check(typed, 60); got != "" || !strings.Contains(problem, says) {
			t.Errorf("%q: %q, %q", typed, got, problem)
		}
	}
}

func TestAlike(t *testing.T) {
	t.Parallel()
	for a, b := range map[string]string{"payments": "PAYMENTS", "pay ments": "payments", "раураl": "paypal", "ｐａｙ": "pay", "search": "ѕеаrсһ", "portal-admins": "ꓑꓳꓣꓔꓮꓡ ꓮꓓꓟꓲꓠꓢ", "admins": "ᴀᴅᴍɪɴs", "auditors": "a\u0332uditors", "Osterreich": "Österreich"} {
		if !names.Alike(a, b) {
			t.Errorf("%q and %q look different", a, b)
		}
	}
	for a, b := range map[string]string{"payments": "payment", "search": "research", "eu": "us"} {
		if names.Alike(a, b) {
			t.Errorf("%q and %q look alike", a, b)
		}
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{
		"Ann\u202e Admin\n": "Ann Admin", " a\t b ": "a b", "\u200b": "", strings.Repeat("é", 200): strings.Repeat("é", 100), "Ann": "Ann",
	} {
		if got := names.Visible(given, 100); got != want {
			t.Errorf("%q: %q", given, got)
		}
	}
}

// Names among many are found as each pair of them would be.
func TestAnyMistaken(t *testing.T) {
	t.Parallel()
	known := []string{"", "platform", "pay-approvers", "Sre"}
	for name, want := range map[string]string{"platfоrm": "platform", "platform": "", "PAY APPROVERS": "pay-approvers", "sre": "Sre", "Sre": "", "other": ""} {
		got, other, ok := names.AnyMistaken([]string{"fine", name}, append(known, "fine", name))
		if other != want || ok != (want != "") || ok && got != name {
			t.Errorf("%q is taken for %q (%q, %v), want %q", name, other, got, ok, want)
		}
	}
}

// However many names there are, each is looked at once.
func TestManyNames(t *testing.T) {
	work := func(n int) float64 {
		var list []string
		for i := range n {
			list = append(list, "group "+strconv.Itoa(i))
		}
		return testing.AllocsPerRun(1, func() {
			if name, other, ok := names.AnyMistaken(list, list); ok {
				t.Errorf("%q looks like %q", name, other)
			}
		})
	}
	if few, many := work(100), work(400); many > 6*few {
		t.Errorf("four times as many names take %.0f times the work", many/few)
	}
}

func TestShown(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"two\r\nlines\tand\rmore": "two\nlines\tand\nmore", "a\u202eb": `a\u202eb`, "\u200b\x07": `\u200b\u0007`, "Ann é 支": "Ann é 支", "\ufffd": "\ufffd", "\U000e0041": `\ue0041`,
	} {
		if got := names.Shown(text); got != want {
			t.Errorf("%q is shown as %q, want %q", text, got, want)
		}
	}
}
