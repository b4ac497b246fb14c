"""What can be said of a rollout before it starts, without an account: `headgate plan`.

    traffic      how a rate is written
    timeline     the steps in order, how long each takes, and what the judge can see in that time
    exclusions   what excludes what on AWS, and what Headgate does instead
    iam          permissions in plain words
    prices       figures with their date and source; `price_list` reads new ones from AWS's public list
    cost         what a month costs, and where one way of hosting becomes cheaper than another

Values in, values out: only `price_list.fetch` reaches a network, and only when it is asked to.
"""
