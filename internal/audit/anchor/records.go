package anchor

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
)

// A file of checkpoints is read and appended to, never changed. After each note
// there is a line with its size and digest,
//
//	=== 1234 0123456789abcdef
//
// so that a note which was not written to its end is recognised: nothing but
// the whole note has this line. Whoever appends next writes a line after such a
// rest that says so, and then its own note.
const (
	marker = "=== "
	cutOff = marker + "cut off\n"
	mend   = "…\n" + cutOff // not just a new line, which may be all that was cut off
)

var endOfNote = regexp.MustCompile(`^=== ([0-9]+) ([0-9a-f]{16})\n$`)

func record(c Checkpoint) string {
	return fmt.Sprintf("%s%s%d %s\n", c.Note, marker, c.Size, digest(c.Note))
}

var errNotRecords = errors.New("this is not a file of checkpoints")

// readRecords yields the notes of a file, and an error for each that is not what
// was once written. rest reports whether the file ends in a note that was not
// written to its end; such notes were never confirmed and are passed over.
func readRecords(r io.Reader, yield func(note string, err error) bool) (rest bool) {
	lines := bufio.NewReaderSize(r, maxNote)
	var piece strings.Builder
	for number, first := 1, 1; ; number++ {
		line, err := lines.ReadSlice('\n')
		if err != nil && err != io.EOF || piece.Len()+len(line) > 4*maxNote {
			yield("", errNotRecords)
			return true
		}
		if err == io.EOF {
			return piece.Len()+len(line) > 0
		}
		end := endOfNote.FindSubmatch(line)
		if end == nil && string(line) != cutOff {
			piece.Write(line)
			continue
		}
		note := piece.String()
		piece.Reset()
		switch {
		case end == nil:
		case digest(note) != string(end[2]):
			if !yield("", fmt.Errorf("lines %d to %d are not what was once written there", first, number)) {
				return false
			}
		case !yield(note, nil):
			return false
		}
		first = number + 1
	}
}
