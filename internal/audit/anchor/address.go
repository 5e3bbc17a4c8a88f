package anchor

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/url"
	"slices"
	"strings"

	"doksportal/internal/audit/remote"
)

// kinds are the anchors by the scheme of their address. A place is made without
// a look at it, so that the portal starts while the place is down.
var kinds = map[string]struct {
	example string
	prompt  bool
	open    func(u *url.URL, o Options) (place, error)
}{
	"file":       {"file:///var/lib/portal/checkpoints", true, func(u *url.URL, o Options) (place, error) { return openFile(u, o) }},
	"s3":         {"s3://bucket/prefix?endpoint=https://s3.example", true, func(u *url.URL, o Options) (place, error) { return openBucket(u, o) }},
	"https":      {"https://host.example/path", true, openWebhook},
	"syslog+tls": {"syslog+tls://host.example:6514", true, openSyslog},
	"mailto":     {"mailto:auditors@company.example", false, openMail},
}

// Open returns the anchors of the addresses, in their order; the word "none"
// alone means that there are none. The error names each address that is wrong by
// its place in the list, one a line, and has no secret.
func Open(addresses []string, o Options) ([]Anchor, error) {
	if len(addresses) == 1 && addresses[0] == "none" {
		return nil, nil
	}
	var anchors []Anchor
	var faults []error
	for i, address := range addresses {
		a, err := open(address, o)
		if first := slices.Index(addresses, address); first < i {
			err = fmt.Errorf("this is the same as address %d", first+1)
		}
		if err != nil {
			faults = append(faults, fmt.Errorf("address %d (%s): %w", i+1, remote.Shown(address), err))
			continue
		}
		anchors = append(anchors, a)
	}
	if len(addresses) == 0 {
		faults = append(faults, errors.New(`no anchor is named; "none" says that there shall be none`))
	}
	return anchors, errors.Join(faults...)
}

func open(address string, o Options) (Anchor, error) {
	if address == "none" {
		return nil, errors.New(`"none" stands alone`)
	}
	u, err := parse(address)
	if err != nil {
		return nil, err
	}
	kind := kinds[u.Scheme]
	p, err := kind.open(u, o)
	if err != nil {
		return nil, err
	}
	if o.within == 0 {
		o.within = publishFor
	}
	return &bounded{place: p, prompt: kind.prompt, within: o.within, secrets: o.secrets()}, nil
}

// OpenReader returns what reads an anchor back: an address of a file or a bucket,
// or the path of a text in which checkpoints were saved, like mails or a log.
func OpenReader(address string, o Options) (Reader, error) {
	scheme, _, _ := strings.Cut(address, ":")
	if _, known := kinds[strings.ToLower(scheme)]; !known && !strings.Contains(address, "://") {
		return savedText(address), nil
	}
	r, err := openReader(address, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", remote.Shown(address), err)
	}
	return r, nil
}

func openReader(address string, o Options) (Reader, error) {
	u, err := parse(address)
	if err != nil {
		return nil, err
	}
	switch u.Scheme {
	case "file":
		return openFile(u, o)
	case "s3":
		return openBucket(u, o)
	}
	return nil, errors.New("this cannot be read back; save what was received there as text, and name the file")
}

// parse takes an address apart as far as all kinds have in common.
func parse(address string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil { // its words repeat the address
		return nil, errors.New("this is not an address; a space or % within it is written %20 or %25")
	}
	kind, ok := kinds[u.Scheme]
	switch {
	case !ok:
		return nil, errScheme()
	case u.User != nil:
		return nil, errors.New("keys and passwords have variables of their own and are no part of the address")
	case u.Fragment != "":
		return nil, errors.New("an address has no part after #")
	case (u.Scheme == "file" || u.Scheme == "mailto") != (u.Host == ""):
		return nil, fmt.Errorf("write it like %s", kind.example)
	}
	return u, nil
}

func errScheme() error {
	var examples []string
	for _, scheme := range slices.Sorted(maps.Keys(kinds)) {
		examples = append(examples, kinds[scheme].example)
	}
	return errors.New("this is not an anchor; write one like " + strings.Join(examples, ", "))
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}
