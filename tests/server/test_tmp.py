import tests.server.test_traces as t


def test_x(story):
    for one in sorted(story.spans, key=lambda s: (s.trace,)):
        print(
            one.trace[:6],
            story.chain(one),
            one.kind,
            one.about,
            [l[:6] for l in one.links],
            round(one.seconds, 3),
            "FAILED" if one.failed else "",
        )


from tests.server.test_traces import story
