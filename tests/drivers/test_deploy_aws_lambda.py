import pytest
from pydantic import ValidationError

from pilotage.core.errors import PermanentError, TemporaryError
from pilotage.drivers import Context
from pilotage.drivers.deploy.aws_lambda import AwsLambdaDeployer
from pilotage.drivers.traffic.aws_lambda import AwsLambdaTraffic
from pilotage.testing import DeployerContract, FaultsContract, RehearsesContract, call
from tests.drivers import aws
from tests.drivers.served import Served, serve


@pytest.fixture(autouse=True)
def environment(monkeypatch):
    aws.set_environment(monkeypatch)


def at(url, **given):
    source = {} if "image" in given else {"bucket": "builds", "key": "pay/{version}.zip"}
    options = {"region": aws.REGION, "endpoint_url": url, "function": "pay", **source, **given}
    return AwsLambdaDeployer(AwsLambdaDeployer.Options.model_validate(options), Context(None, None))


class Function:
    """`pay`, published as v1, with an alias; zip files of other versions in a bucket."""

    def __init__(self, cloud):
        cloud.reset()
        self.cloud, self.client = cloud, cloud.client("lambda")
        s3 = cloud.client("s3")
        s3.create_bucket(Bucket="builds", CreateBucketConfiguration={"LocationConstraint": aws.REGION})
        for version in ("v2", "v3"):
            s3.put_object(Bucket="builds", Key=f"pay/{version}.zip", Body=aws.archive(version))
        code = {"ZipFile": aws.archive("v1")}
        given = {"Runtime": "python3.11", "Role": aws.function_role(cloud), "Handler": "app.handler", "Code": code}
        self.client.create_function(FunctionName="pay", Architectures=["arm64"], **given)
        self.client.publish_version(FunctionName="pay", Description="v1")
        self.client.create_alias(FunctionName="pay", Name="live", FunctionVersion="1")

    def published(self):
        found = self.client.list_versions_by_function(FunctionName="pay")["Versions"]
        return [one["Description"] for one in found if one["Version"] != "$LATEST"]


@pytest.fixture(scope="module")
def cloud():
    with aws.cloud() as running:
        yield running


@pytest.fixture
def function(cloud):
    return Function(cloud)


class TestAwsLambda(DeployerContract):
    @pytest.fixture
    def driver(self, cloud, function):
        return at(cloud.url)

    @pytest.fixture
    def deployed(self, function):
        return lambda: function.published()[1:]


class TestOnMoto:
    async def test_a_version_is_published_under_its_name_and_the_alias_stays(self, cloud, function):
        assert await at(cloud.url).deploy("v2", call("a")) == "v2 is version 2 of pay"
        assert function.published() == ["v1", "v2"]
        assert function.client.get_alias(FunctionName="pay", Name="live")["FunctionVersion"] == "1"
        assert function.client.get_function_configuration(FunctionName="pay")["Architectures"] == ["arm64"]

    async def test_the_previous_version_is_there_already(self, cloud, function):
        await at(cloud.url).deploy("v2", call("a"))
        assert await at(cloud.url).deploy("v1", call("b")) == "v1 is version 1 of pay already"
        assert function.published() == ["v1", "v2"]

    async def test_the_splitter_finds_what_was_deployed(self, cloud, function):
        await at(cloud.url).deploy("v2", call("a"))
        options = {**cloud.options, "function": "pay", "alias": "live", "stable": "1"}
        splitter = AwsLambdaTraffic(AwsLambdaTraffic.Options.model_validate(options), Context(None, None))
        assert await splitter.set_weight(10, call("b")) == 10
        assert "to version 2" in await splitter.probe()

    async def test_a_function_that_is_not_there_is_named(self, cloud, function):
        with pytest.raises(PermanentError, match="AWS Lambda has no function basket in eu-west-1"):
            await at(cloud.url, function="basket").probe()

    async def test_a_zip_function_takes_no_image(self, cloud, function):
        with pytest.raises(PermanentError, match="of type Zip: give `bucket and key`"):
            await at(cloud.url, image="1.dkr.ecr.eu-west-1.amazonaws.com/pay:{version}").probe()


class Documented(Served):
    """UpdateFunctionCode, PublishVersion and what is read between, as
    https://docs.aws.amazon.com/lambda/latest/api/API_UpdateFunctionCode.html and its neighbours have them: moto takes
    code over at once, knows no RevisionId, and takes a dry run for a real one."""

    KNOWN = ("v1", "v2")

    def __init__(self):
        super().__init__()
        self.revision, self.image, self.updated = 1, "v1", []
        self.published = [("1", "v1", "v1")]
        """Number, description and code."""
        self.looks_until_taken_over, self.left = 0, 0
        self.fails: dict[str, str] = {}
        self.fails_next: dict[str, str] = {}
        self.pending = 0

    def answer(self, request):
        base = "/2015-03-31/functions/pay"
        route = f"{request.method} {request.path.removeprefix(base)}"
        if route == "GET /versions":
            listed = [
                {"Version": "$LATEST"},
                *({"Version": number, "Description": said} for number, said, _ in self.published),
            ]
            return 200, {}, {"Versions": listed}
        if route == "GET /configuration":
            return 200, {}, self._configuration(request.query.get("Qualifier", ""))
        if route == "PUT /code":
            return self._update(request.body)
        assert route == "POST /versions"
        assert set(request.body) == {"Description", "CodeSha256", "RevisionId"}
        if (request.body["CodeSha256"], request.body["RevisionId"]) != (self.image, f"revision-{self.revision}"):
            return 412, {"x-amzn-ErrorType": "PreconditionFailedException"}, {"message": "The function has changed."}
        number, described, code = self.published[-1]
        if code != self.image:  # else Lambda publishes nothing and gives the last one
            number, described = str(int(number) + 1), request.body["Description"]
            self.published.append((number, described, self.image))
        return 201, {}, {**self._configuration(number), "Description": described}

    def _update(self, body):
        assert set(body) <= {"ImageUri", "Architectures", "RevisionId", "DryRun"}
        assert body["Architectures"] == ["arm64"]
        tag = body["ImageUri"].rpartition(":")[2]
        if tag not in self.KNOWN:
            given = {"message": f"Source image {body['ImageUri']} does not exist. Provide a valid source image."}
            return 400, {"x-amzn-ErrorType": "InvalidParameterValueException"}, given
        if body.get("DryRun"):
            return 200, {}, self._configuration("")
        self.fails = self.fails_next
        if body["RevisionId"] != f"revision-{self.revision}":
            return 412, {"x-amzn-ErrorType": "PreconditionFailedException"}, {"message": "The Revision Id is another."}
        self.revision, self.image, self.left = self.revision + 1, tag, self.looks_until_taken_over
        self.updated.append(tag)
        return 200, {}, self._configuration("")

    def _configuration(self, number):
        status, state = "Successful", "Active"
        if not number and self.left:
            self.left -= 1
            status = "InProgress"
            if not self.left:
                self.revision += 1
        elif number and self.pending:
            self.pending -= 1
            state = "Pending"
        given = {"FunctionName": "pay", "PackageType": "Image", "Architectures": ["arm64"], "CodeSha256": self.image}
        version = {"Version": number or "$LATEST", "RevisionId": f"revision-{self.revision}"}
        return {**given, **version, "State": state, "LastUpdateStatus": status, **({} if number else self.fails)}


@pytest.fixture
def service():
    with serve(Documented()) as running:
        yield running


IMAGE = "1.dkr.ecr.eu-west-1.amazonaws.com/pay:{version}"


class TestOfAnImage(DeployerContract, RehearsesContract):
    """Of `AwsLambdaDeployer`."""

    @pytest.fixture
    def driver(self, service):
        return at(service.url, image=IMAGE, within_s=20)

    @pytest.fixture
    def deployed(self, service):
        return lambda: service.updated


class TestAsDocumented:
    async def test_the_code_is_taken_over_before_it_is_published_and_that_is_waited_for(self, service):
        service.looks_until_taken_over, service.pending = 3, 2
        assert await at(service.url, image=IMAGE).deploy("v2", call("a")) == "v2 is version 2 of pay"
        assert (service.left, service.pending) == (0, 0)

    @pytest.mark.parametrize(
        ("fails", "words"),
        [
            (
                {"LastUpdateStatus": "Failed", "LastUpdateStatusReasonCode": "ImageAccessDenied"},
                "may not pull the image",
            ),
            (
                {
                    "LastUpdateStatus": "Failed",
                    "LastUpdateStatusReasonCode": "New",
                    "LastUpdateStatusReason": "Odd\nword",
                },
                "New: Odd word",
            ),
            ({"State": "Failed", "StateReasonCode": "EniLimitExceeded"}, "no interfaces left"),
        ],
    )
    async def test_code_that_is_not_taken_over_says_why(self, service, fails, words):
        service.fails_next = fails
        with pytest.raises(PermanentError, match=words):
            await at(service.url, image=IMAGE).deploy("v2", call("a"))

    async def test_a_failure_before_does_not_stop_the_code_that_is_good(self, service):
        service.fails = {"LastUpdateStatus": "Failed", "LastUpdateStatusReasonCode": "InvalidImage"}
        assert await at(service.url, image=IMAGE).deploy("v2", call("a")) == "v2 is version 2 of pay"

    async def test_one_that_takes_too_long_is_told(self, service):
        service.left = 10_000
        with pytest.raises(TemporaryError, match=r"pay is still being changed after 0\.1 s"):
            await at(service.url, image=IMAGE, within_s=0.1).deploy("v2", call("a"))
        assert service.updated == []

    async def test_the_same_code_under_another_name_says_what_to_do(self, service):
        service.published = [("1", "nightly", "v1")]
        said = await at(service.url, image=IMAGE).deploy("v1", call("a"))
        assert said.startswith(
            "v1 is version 1 of pay, published before as nightly with the very same code: say `canary"
        )

    async def test_a_rehearsal_tells_of_an_image_that_is_not_there(self, service):
        with pytest.raises(PermanentError, match=r"Source image .*pay:v9 does not exist"):
            await at(service.url, image=IMAGE).rehearse("v9", call("a"))
        assert service.updated == []


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"image": "x:{version}", "bucket": "builds", "key": "{version}"},
        {"bucket": "builds"},
        {"key": "{version}.zip"},
        {"image": "x:latest"},
        {"bucket": "builds", "key": "pay.zip"},
        {"image": "x:{previous}"},
    ],
)
def test_code_comes_from_one_place_by_version(given):
    with pytest.raises(ValidationError):
        AwsLambdaDeployer.Options.model_validate({"function": "pay", **given})


class TestFaults(FaultsContract):
    """The look of `AwsLambdaDeployer`."""

    name = "AWS Lambda"

    def at(self, url):
        return at(url, timeout_s=self.patience_s)


class TestFaultsOfTheChange(TestFaults):
    async def act(self, driver):
        return await driver.deploy("v2", call("a"))
