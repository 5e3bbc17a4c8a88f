package anchor

import (
	"context"
	"encoding/base64"
	"fmt"
	"io"
	"iter"
	"mime/quotedprintable"
	"net/mail"
	"os"
	"regexp"
	"slices"
	"strings"
)

// maxText bounds a text that is searched for checkpoints, in bytes.
const maxText = 256 << 20

// savedText is the path of a text in which checkpoints were saved.
type savedText string

func (t savedText) String() string { return "file " + string(t) }

// Checkpoints are those that the text has: as they are, between other
// paragraphs, in base64 within a line of a log, or in a file of an anchor.
func (t savedText) Checkpoints(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		f, err := os.Open(string(t))
		if err != nil {
			yield("", err)
			return
		}
		defer func() { _ = f.Close() }()
		content, err := io.ReadAll(io.LimitReader(f, maxText+1))
		if err == nil && len(content) > maxText {
			err = fmt.Errorf("%s is larger than %d MB; search it for the checkpoints first", t, maxText>>20)
		}
		if err != nil {
			yield("", err)
			return
		}
		text := string(content)
		if anyRecord.MatchString(text) {
			readRecords(strings.NewReader(text), yield)
			return
		}
		for _, note := range notes(mailBody(strings.ReplaceAll(text, "\r\n", "\n"))) {
			if !yield(note, ctx.Err()) {
				return
			}
		}
	}
}

// Newest are all that the text has.
func (t savedText) Newest(ctx context.Context) iter.Seq2[string, error] { return t.Checkpoints(ctx) }

// mailBody is the text of a mail as it was sent; any other text is itself.
func mailBody(text string) string {
	m, err := mail.ReadMessage(strings.NewReader(text))
	if err != nil {
		return text
	}
	var body io.Reader
	switch strings.ToLower(m.Header.Get("Content-Transfer-Encoding")) {
	case "quoted-printable":
		body = quotedprintable.NewReader(m.Body)
	case "base64":
		body = base64.NewDecoder(base64.StdEncoding, m.Body)
	default:
		return text
	}
	decoded, err := io.ReadAll(body)
	if err != nil {
		return text
	}
	return strings.ReplaceAll(string(decoded), "\r\n", "\n")
}

var (
	anyRecord = regexp.MustCompile(`(?m)^=== [0-9]+ [0-9a-f]{16}$`)
	signature = regexp.MustCompile(`^— \S+ [A-Za-z0-9+/]+={0,2}$`)
	treeRoot  = regexp.MustCompile(`^[A-Za-z0-9+/]{43}=$`)
	treeSize  = regexp.MustCompile(`^(0|[1-9][0-9]*)$`)
	longWords = regexp.MustCompile(`[A-Za-z0-9+/]{100,}={0,2}`)
)

// notes finds the signed checkpoints in a text. A note is two paragraphs: one
// whose second line is a number, and one of signatures.
func notes(text string) (found []string) {
	var before, current []string
	end := func() {
		signed := slices.IndexFunc(current, func(line string) bool { return !signature.MatchString(line) })
		if signed < 0 {
			signed = len(current)
		}
		if signed > 0 && len(before) >= 3 && treeSize.MatchString(before[1]) && treeRoot.MatchString(before[2]) {
			found = append(found, strings.Join(before, "\n")+"\n\n"+strings.Join(current[:signed], "\n")+"\n")
		}
		before, current = current, nil
	}
	for line := range strings.SplitSeq(text, "\n") {
		if line == "" {
			end()
			continue
		}
		current = append(current, line)
		for _, word := range longWords.FindAllString(line, -1) {
			if inner, err := base64.StdEncoding.DecodeString(word); err == nil {
				found = append(found, notes(string(inner))...)
			}
		}
	}
	end()
	return found
}
