package audit

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash"
	"io"
	"net/url"

	"golang.org/x/mod/sumdb/tlog"
)

// BundleReport is what came of verifying a bundle.
type BundleReport struct {
	Filter      string // by which the events were selected, see FilterText
	Events      int64
	First, Last int64 // numbers
	Gaps        int64 // numbers between them of which the bundle has no event
	Signed      bool  // the trail's key has signed that these are all that were exported
	Checkpoint  string
	Faults      []Fault
}

// OK reports whether nothing is wrong.
func (r BundleReport) OK() bool { return len(r.Faults) == 0 }

// VerifyBundle checks every event of a bundle by its proof and by the public keys,
// without a portal. An error says that it is no bundle.
func VerifyBundle(r io.Reader, keys []string) (BundleReport, error) {
	ring, err := newKeyring(keys, nil)
	if err != nil {
		return BundleReport{}, err
	}
	return verifyBundle(r, ring)
}

var errNoBundle = errors.New("this is no bundle of an audit trail")

func verifyBundle(r io.Reader, keys *keyring) (BundleReport, error) {
	report := BundleReport{First: -1, Last: -1}
	const mostLine = 16 << 20
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, mostLine)
	lines.Split(wholeLines)
	var head bundleHead
	if !lines.Scan() || json.Unmarshal(lines.Bytes(), &head) != nil || head.Format != bundleFormat {
		return report, errNoBundle
	}
	filter, err := url.ParseQuery(head.Filter)
	if err != nil || filter.Encode() != head.Filter || !bytes.Equal(lines.Bytes(), append(head.encode(), '\n')) {
		report.fault(-1, "line 1", notWritten)
	}
	c, _, err := keys.open(head.Checkpoint)
	if err != nil {
		report.fault(-1, "checkpoint", fmt.Sprintf("It was not signed by the key given, or was changed afterwards (%s).", err))
		return report, nil
	}
	report.Checkpoint, report.Filter = head.Checkpoint, head.Filter
	sum := sha256.New()
	sum.Write(lines.Bytes())
	ended := false
	for at := 2; lines.Scan(); at++ {
		where := fmt.Sprintf("line %d", at)
		switch {
		case ended:
			report.fault(-1, where, "It comes after the end.")
			return report, nil
		case bytes.HasPrefix(lines.Bytes(), []byte(`{"end":`)):
			ended = true
			report.checkEnd(where, lines.Bytes(), sum, keys)
		default:
			report.checkLine(where, lines.Bytes(), c)
			sum.Write(lines.Bytes())
		}
	}
	switch {
	case lines.Err() != nil:
		return report, lines.Err()
	case !ended:
		report.fault(-1, "bundle", fmt.Sprintf("It was cut off: it has %d of %d events, and no end.", report.Events, head.Events))
	case report.Events != head.Events:
		report.fault(-1, "bundle", fmt.Sprintf("It has %d events, and says that it has %d: some were taken out or put in.", report.Events, head.Events))
	case report.Events == 0:
		report.fault(-1, "bundle", "It has no events, so it proves nothing.")
	}
	return report, nil
}

// wholeLines splits into lines with their ends. A last one without an end is one, too.
func wholeLines(data []byte, atEnd bool) (advance int, line []byte, err error) {
	if i := bytes.IndexByte(data, '\n'); i >= 0 {
		return i + 1, data[:i+1], nil
	}
	if atEnd && len(data) > 0 {
		return len(data), data, nil
	}
	return 0, nil, nil
}

// notWritten says that a line is another one than would be written of what is read.
const notWritten = "It has something else than the portal writes: other programs may read something else in it than what is proven."

func (r *BundleReport) fault(number int64, where, what string) {
	if len(r.Faults) < mostFaults {
		r.Faults = append(r.Faults, Fault{number, where, what})
	}
}

// checkLine takes the event of a line into the report.
func (r *BundleReport) checkLine(where string, text []byte, c Checkpoint) {
	var line bundleLine
	switch err := json.Unmarshal(text, &line); {
	case err != nil:
		r.fault(-1, where, "It is no event: "+err.Error()+".")
	case !bytes.Equal(text, append(line.encode(), '\n')):
		r.fault(line.Number, where, notWritten)
	default:
		r.check(line, c)
	}
}

// checkEnd holds what the end says against what is before it.
func (r *BundleReport) checkEnd(where string, text []byte, sum hash.Hash, keys *keyring) {
	var end bundleEnd
	if json.Unmarshal(text, &end) != nil || !bytes.Equal(text, append(end.encode(), '\n')) {
		r.fault(-1, where, notWritten)
		return
	}
	if end.Signed == "" {
		return
	}
	var says exported
	switch _, err := openSigned(end.Signed, formExported, &says, keys.all()...); {
	case err != nil || says.Origin != keys.origin():
		r.fault(-1, where, "The end was not signed by the key given, or was changed afterwards.")
	case says.Events != r.Events || says.SHA256 != hex.EncodeToString(sum.Sum(nil)):
		r.fault(-1, where, fmt.Sprintf("It is not what was exported: %d events were, and what is here was changed, cut or put together since.", says.Events))
	default:
		r.Signed = true
	}
}

// check takes the event of a line into the report.
func (r *BundleReport) check(line bundleLine, c Checkpoint) {
	where := fmt.Sprintf("event %d", line.Number)
	switch {
	case r.First < 0:
		r.First = line.Number
	case line.Number <= r.Last:
		r.fault(line.Number, where, "It comes twice, or after one with a larger number.")
		return
	default:
		r.Gaps += line.Number - r.Last - 1
	}
	r.Events, r.Last = r.Events+1, line.Number
	if line.Number < 0 || line.Number >= c.Size {
		r.fault(line.Number, where, "The checkpoint has no event of this number.")
		return
	}
	if tlog.CheckRecord(line.Proof, c.Size, c.Root, line.Number, tlog.RecordHash(line.Event)) != nil {
		r.fault(line.Number, where, "It is not the event that the checkpoint has at this number: it was changed, or its proof was.")
	}
}
